// The families of nets that registry.cpp lists. Each function returns the spec of the member that `name` says; options are checked.
// Tensors have torchvision's names where torchvision has the net; layers without tensors take its module names or follow them.
#pragma once

#include <string>

#include "eval/nets/registry.h"

namespace eval {

NetSpec make_vgg(const std::string& name, const NetOptions& options);
NetSpec make_squeezenet(const std::string& name, const NetOptions& options);
NetSpec make_mobilenet_v1(const std::string& name, const NetOptions& options);
NetSpec make_mobilenet_v2(const std::string& name, const NetOptions& options);
NetSpec make_googlenet(const std::string& name, const NetOptions& options);
NetSpec make_resnet(const std::string& name, const NetOptions& options);

}  // namespace eval
