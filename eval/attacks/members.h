// The factories of the attacks, one a file. Internal to this folder.
#pragma once

#include "eval/attacks/attack.h"

namespace eval {

std::unique_ptr<Attack> make_fgsm(const storage::Json& options);
std::unique_ptr<Attack> make_pgd(const storage::Json& options);
std::unique_ptr<Attack> make_newtonfool(const storage::Json& options);
std::unique_ptr<Attack> make_spatial(const storage::Json& options);

}  // namespace eval
