// Adience's layout: five fold files beside aligned/ and faces/, subjects in one fold each. Every fold has subjects of every age group. As
// in the real set, some rows lack a label and one image has two rows: of each ninth subject the second picture has no gender, of each other
// ninth no age, and the second row of the first subject repeats its first.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "eval/data/adience.h"
#include "eval/samples/faces.h"
#include "eval/samples/sample_files.h"

namespace eval {
namespace {

namespace fs = std::filesystem;

constexpr const char* header =
    "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\tdx\tdy\ttilt_ang\tfiducial_yaw_angle\tfiducial_score\n";

constexpr double least_years = 0.2, most_years = 88;  // of those that are drawn
constexpr int subjects_a_round = adience_folds * static_cast<int>(age_groups.size());

struct Subject {
  int fold = 0;
  std::size_t group = 0;
  std::string user;
  Person person;
  int rows = 0;
};

Subject draw_subject(int number, std::uint64_t seed) {
  Draws draws(mix_seed(seed, static_cast<std::uint64_t>(number)));
  Subject subject;
  const int round = number / adience_folds;
  subject.fold = number % adience_folds;
  subject.group = static_cast<std::size_t>(round) % age_groups.size();
  const bool male = (round + round / static_cast<int>(age_groups.size()) + subject.fold) % 2 == 0;
  const AgeGroup& group = age_groups[subject.group];
  const double years = draws.between(std::max<double>(group.from, least_years), std::min(group.to + 0.5, most_years));
  subject.person = draw_person(male, years, mix_seed(seed, static_cast<std::uint64_t>(1'000'000 + number)));
  subject.user = fmt::format("{}{:05}@N0{}", 100 + draws.index(900), number, draws.index(9));
  return subject;
}

/// Two rows each, and the others drawn.
std::vector<Subject> draw_subjects(const SampleRequest& request) {
  const auto rounds = std::max<std::int64_t>(1, request.images / (5 * subjects_a_round));
  std::vector<Subject> subjects;
  for (int i = 0; i < rounds * subjects_a_round; ++i) subjects.push_back(draw_subject(i, mix_seed(request.seed, 0)));
  Draws draws(mix_seed(request.seed, 1));
  for (Subject& subject : subjects) subject.rows = 2;
  for (auto left = request.images - 2 * std::ssize(subjects); left > 0; --left)
    ++subjects[static_cast<std::size_t>(draws.index(static_cast<int>(subjects.size())))].rows;
  return subjects;
}

/// One picture and its row of a fold file.
struct Picture {
  Face face;
  std::string folder, file;  ///< a user's, and what follows the kind of the crop
  std::string row;
};

/// The crop that shows more and is less upright.
Face coarse(Face face) {
  face.scale *= 0.8;
  face.tilt *= 2.2;
  face.shift *= 1.5;
  return face;
}

Picture draw_picture(const Subject& subject, int number, int index, std::uint64_t seed) {
  const std::uint64_t own = mix_seed(seed, static_cast<std::uint64_t>(number) << 20 | static_cast<std::uint64_t>(index));
  Draws draws(own);
  Picture picture;
  picture.face = draw_face(subject.person, mix_seed(own, 1));
  const std::string image = fmt::format("{}{:06}_{:010x}_o.jpg", 10000 + number, index, mix_seed(own, 2) >> 24);
  const int face_id = number + 1, side = 200 + draws.index(1200);
  picture.folder = subject.user;
  picture.file = fmt::format("{}.{}", face_id, image);
  const bool no_gender = index == 1 && number % 9 == 3, no_age = index == 1 && number % 9 == 7;
  const char* gender = no_gender ? subject.group == 0 ? "u" : "" : subject.person.male ? "m" : "f";
  picture.row = fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", subject.user, image, face_id,
                            no_age ? "None" : age_groups[subject.group].name, gender, draws.index(2000), draws.index(1500), side, side,
                            5 * static_cast<int>(std::lround(coarse(picture.face).tilt / 5)),
                            15 * static_cast<int>(std::lround(2 * picture.face.yaw)), 15 + draws.index(120));
  return picture;
}

void draw_adience(const SampleRequest& request, const fs::path& folder) {
  const std::vector<Subject> subjects = draw_subjects(request);
  std::vector<Picture> pictures;
  std::array<std::string, adience_folds> folds;
  folds.fill(header);
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    const std::size_t first = pictures.size();
    for (const char* kind : {"aligned", "faces"}) make_folder(folder / kind / subjects[i].user);
    for (int index = 0; index < subjects[i].rows; ++index) {
      std::string& fold = folds[static_cast<std::size_t>(subjects[i].fold)];
      const bool repeated = i == 0 && index == 1;
      if (!repeated) pictures.push_back(draw_picture(subjects[i], static_cast<int>(i), index, mix_seed(request.seed, 2)));
      fold += repeated ? pictures[first].row : pictures.back().row;
    }
  }
  for (std::size_t fold = 0; fold < folds.size(); ++fold) write_sample_file(folder / fmt::format("fold_{}_data.txt", fold), folds[fold]);
  draw_each(request, std::ssize(pictures), [&](std::int64_t i) {
    const Picture& picture = pictures[static_cast<std::size_t>(i)];
    write_sample_file(folder / "aligned" / picture.folder / ("landmark_aligned_face." + picture.file),
                      encode_jpeg(paint(picture.face, request.size)));
    write_sample_file(folder / "faces" / picture.folder / ("coarse_tilt_aligned_face." + picture.file),
                      encode_jpeg(paint(coarse(picture.face), request.size)));
  });
}

}  // namespace

SampleEntry adience_sample() {
  return {.name = "adience",
          .format = "adience",
          .doc = "faces of eight age groups and two genders in Adience's five folds, aligned and coarse",
          .images = 1000,
          .least_images = 2 * subjects_a_round,
          .size = 96,
          .least_size = 16,
          .most_size = 1024,
          .draw = draw_adience};
}

}  // namespace eval
