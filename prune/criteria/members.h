// The factories of the criteria, one a file. Internal to this folder.
#pragma once

#include "prune/criteria/criterion.h"

namespace prune {

std::unique_ptr<Criterion> make_l1(const storage::Json& options);
std::unique_ptr<Criterion> make_lda_paper(const storage::Json& options);
std::unique_ptr<Criterion> make_lda_wilks(const storage::Json& options);
std::unique_ptr<Criterion> make_random(const storage::Json& options);
std::unique_ptr<Criterion> make_taylor(const storage::Json& options);

}  // namespace prune
