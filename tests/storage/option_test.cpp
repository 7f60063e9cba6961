#include "storage/base/option.h"

#include <catch2/catch.hpp>
#include <limits>

#include "storage/base/error.h"
#include "tests/support/throws.h"

using namespace storage;
using support::error_of;

namespace {

const Option epochs{.name = "epochs", .kind = OptionKind::integer, .fallback = 40, .doc = "", .min = 1, .max = 1000};
const Option seed{.name = "seed", .kind = OptionKind::integer, .fallback = 1, .doc = ""};
const Option lr{.name = "lr", .kind = OptionKind::real, .fallback = 1, .doc = "", .min = 0};
const Option nesterov{.name = "nesterov", .kind = OptionKind::boolean, .fallback = true, .doc = ""};
const Option criterion{.name = "criterion", .kind = OptionKind::choice, .fallback = {}, .doc = "", .choices = {"lda", "l1", "taylor"}};
const Option augment{
    .name = "augment", .kind = OptionKind::names, .fallback = Json::array(), .doc = "", .choices = {"flip", "crop", "shift"}};
const Option target{.name = "target", .kind = OptionKind::text, .fallback = {}, .doc = "", .optional = true};
const Option root{.name = "root", .kind = OptionKind::path, .fallback = {}, .doc = ""};

std::string parse_message(const Option& option, const std::string& text) {
  const Error error = error_of([&] { parse_option(option, text); });
  CHECK(error.kind() == ErrorKind::invalid);
  return error.what();
}

std::string check_message(const Option& option, const Json& value) {
  const Error error = error_of([&] { check_option(option, value); });
  CHECK(error.kind() == ErrorKind::invalid);
  return error.what();
}

}  // namespace

TEST_CASE("the nearest name is found over case, swaps and slips, and far ones are not") {
  const std::vector<std::string> names = {"lda", "l1", "taylor", "random"};
  CHECK(nearest("lad", names) == "lda");
  CHECK(nearest("Taylor", names) == "taylor");
  CHECK(nearest("tailor", names) == "taylor");
  CHECK(nearest("randon", names) == "random");
  CHECK(nearest("hessian", names).empty());
  CHECK(nearest("", names).empty());
  CHECK(nearest("lda", {}).empty());
  CHECK(nearest("ab", {"abcd"}) == "abcd");  // 2 edits of 4: half
  CHECK(nearest("ab", {"abcde"}).empty());   // 3 edits of 5: more than half
  CHECK(suggestion("lad", names) == " (did you mean 'lda'?)");
  CHECK(suggestion("hessian", names) == " (valid: lda, l1, taylor, random)");
  CHECK(suggestion("x", {}).empty());
}

TEST_CASE("texts become typed values") {
  CHECK(parse_option(epochs, "12") == 12);
  CHECK(parse_option(epochs, "12").is_number_integer());
  CHECK(parse_option(seed, "-3") == -3);
  CHECK(parse_option(lr, "5.0e-4") == 5.0e-4);
  CHECK(parse_option(lr, "1").is_number_float());
  CHECK(parse_option(nesterov, "false") == false);
  for (const char* yes : {"true", "True", "TRUE"}) CHECK(parse_option(nesterov, yes) == true);  // as YAML 1.2's core schema
  for (const char* no : {"False", "FALSE"}) CHECK(parse_option(nesterov, no) == false);
  CHECK(parse_option(criterion, "l1") == "l1");
  CHECK(parse_option(augment, "flip,crop") == Json({"flip", "crop"}));
  CHECK(parse_option(augment, "") == Json::array());
  CHECK(parse_option(target, "12") == "12");
  CHECK(parse_option(root, "../data") == "../data");
}

TEST_CASE("a text that does not fit is refused with what would") {
  for (const char* other : {"yes", "on", "tRUE", "1"})
    CHECK(parse_message(nesterov, other) == "'" + std::string(other) + "' is not true or false");
  CHECK(parse_message(epochs, "many") == "'many' is not an integer from 1 to 1000");
  CHECK(parse_message(epochs, "1.5") == "'1.5' is not an integer from 1 to 1000");
  CHECK(parse_message(epochs, "12 ") == "'12 ' is not an integer from 1 to 1000");
  CHECK(parse_message(epochs, "") == "'' is not an integer from 1 to 1000");
  CHECK(parse_message(epochs, "0") == "0 is not an integer from 1 to 1000");
  CHECK(parse_message(epochs, "1001") == "1001 is not an integer from 1 to 1000");
  CHECK(parse_message(seed, "2147483648") == "2147483648 is not an integer from -2147483648 to 2147483647");
  CHECK(parse_message(seed, "99999999999999999999") == "'99999999999999999999' is not an integer");
  CHECK(parse_message(lr, "-0.5") == "-0.5 is not a finite number of at least 0");
  CHECK(parse_message(lr, "nan") == "'nan' is not a finite number of at least 0");
  CHECK(parse_message(lr, "inf") == "'inf' is not a finite number of at least 0");
  CHECK(parse_message(lr, "1e999") == "'1e999' is not a finite number of at least 0");
  CHECK(parse_message(nesterov, "yes") == "'yes' is not true or false");
  CHECK(parse_message(criterion, "lad") == "'lad' is not one of lda, l1, taylor (did you mean 'lda'?)");
  CHECK(parse_message(criterion, "hessian") == "'hessian' is not one of lda, l1, taylor");
  CHECK(parse_message(augment, "flip,corp") == "'corp' is not known (did you mean 'crop'?)");
  CHECK(parse_message(augment, "flip,") == "'' is not known (valid: flip, crop, shift)");
  CHECK(parse_message(root, "") == "'' is not a path");
}

TEST_CASE("JSON values are checked by type and range") {
  CHECK(check_option(lr, 1).is_number_float());
  CHECK(check_option(epochs, 1000u) == 1000);
  CHECK(check_message(epochs, 5.0) == "5.0 is not an integer from 1 to 1000");
  CHECK(check_message(epochs, "5") == "'5' is not an integer from 1 to 1000");
  CHECK(check_message(seed, std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615 is not an integer");
  CHECK(check_message(lr, true) == "true is not a finite number of at least 0");
  CHECK(check_message(lr, std::numeric_limits<double>::quiet_NaN()) == "'nan' is not a finite number of at least 0");
  CHECK(check_message(nesterov, 1) == "1 is not true or false");
  CHECK(check_message(criterion, 1) == "1 is not one of lda, l1, taylor");
  CHECK(check_message(augment, "flip") == "'flip' is not a list of names out of flip, crop, shift");
  CHECK(check_message(augment, {"flip", 1}) == "[\"flip\",1] is not a list of names out of flip, crop, shift");
  CHECK(check_message(target, nullptr) == "null is not a text");

  const Option wide{.name = "bytes", .kind = OptionKind::integer, .fallback = 0, .doc = "", .min = 0, .max = 1e15};
  CHECK(check_option(wide, 4000000000) == 4000000000);
}

TEST_CASE("an object of options gets its defaults, and only known keys") {
  const Options table = {epochs, lr, criterion, target};
  const Json checked = check_options(table, {{"criterion", "l1"}, {"epochs", 2}}, "train");
  CHECK(checked == Json({{"criterion", "l1"}, {"epochs", 2}, {"lr", 1.0}}));
  CHECK(checked["lr"].is_number_float());
  CHECK(check_options({epochs}, nullptr, "train") == Json({{"epochs", 40}}));
  CHECK(check_options({target}, {{"target", "age"}}, "task") == Json({{"target", "age"}}));

  const auto message = [&](const Json& given) { return std::string(error_of([&] { check_options(table, given, "train"); }).what()); };
  CHECK(message({{"criterion", "l1"}, {"epoch", 2}}) == "train: option 'epoch' is not known (did you mean 'epochs'?)");
  CHECK(message({{"criterion", "l1"}, {"momentum", 2}}) == "train: option 'momentum' is not known (valid: epochs, lr, criterion, target)");
  CHECK(message({{"criterion", "l1"}, {"epochs", 0}}) == "train: epochs: 0 is not an integer from 1 to 1000");
  CHECK(message(Json::object()) == "train: option 'criterion' must be given: one of lda, l1, taylor");
  CHECK(message({1, 2}) == "train: [1,2] is not a map of options");
}
