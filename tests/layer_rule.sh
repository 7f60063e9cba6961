#!/bin/sh
# The layer rule: search -> prune -> eval -> storage, and within search/ the walls between its rooms. A file includes only from its own folder
# or from those that its folder may use. LibTorch, SQL and YAML each have their home.
cd "$1" || exit 2
includes() { grep -rnE "#include \"($2)/" $1 --include='*.h' --include='*.cpp'; }
breaches=$(
  includes storage 'search|prune|eval'
  includes eval 'search|prune'
  includes prune 'search'
  includes search/experiment 'search/(plan|run|worker|report|cli)'
  includes search/plan 'search/(run|worker|report|cli)'
  includes search/run 'search/(worker|report|cli)'
  includes search/report 'search/(run|worker|cli)'
  includes search/worker 'search/(run|report|cli)' | grep -vE '"search/run/(protocol|controller_link).h"'
  includes search/cli 'search/worker'
  grep -rnE '#include <(torch|ATen|c10)/' storage search --include='*.h' --include='*.cpp' | grep -v '^search/worker/'
  grep -rnE '#include "(eval/torch|eval/nets/net|eval/data/loader|prune/train)\.h"' search --include='*.h' --include='*.cpp' | grep -v '^search/worker/'
  grep -rnE '#include <(SQLiteCpp/|sqlite3)' eval prune search --include='*.h' --include='*.cpp'
  grep -rnE '#include <yaml-cpp/' storage eval prune search --include='*.h' --include='*.cpp' | grep -v '^search/experiment/yaml/'
  find search -maxdepth 1 -type f ! -name CMakeLists.txt
)
[ -z "$breaches" ] && exit 0
printf 'these break the layer rule:\n%s\n' "$breaches"
exit 1
