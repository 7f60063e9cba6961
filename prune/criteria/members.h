// The factories of the criteria. Internal to this folder.
#pragma once

#include "prune/criteria/criterion.h"

namespace prune {

std::unique_ptr<Criterion> make_apoz(const storage::Json& options);
std::unique_ptr<Criterion> make_bn_scale(const storage::Json& options);
std::unique_ptr<Criterion> make_fisher(const storage::Json& options);
std::unique_ptr<Criterion> make_fpgm(const storage::Json& options);
std::unique_ptr<Criterion> make_l1(const storage::Json& options);
std::unique_ptr<Criterion> make_l2(const storage::Json& options);
std::unique_ptr<Criterion> make_lamp(const storage::Json& options);
std::unique_ptr<Criterion> make_lda_paper(const storage::Json& options);
std::unique_ptr<Criterion> make_lda_wilks(const storage::Json& options);
std::unique_ptr<Criterion> make_random(const storage::Json& options);
std::unique_ptr<Criterion> make_reconstruct(const storage::Json& options);
std::unique_ptr<Criterion> make_taylor(const storage::Json& options);
std::unique_ptr<Criterion> make_taylor_weight(const storage::Json& options);

}  // namespace prune
