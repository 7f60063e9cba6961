#!/bin/sh
# The layer rule: search -> prune -> eval -> storage. A file includes only from its own folder or from folders further right.
cd "$1" || exit 2
breaches=$(
  grep -rnE '#include "(search|prune|eval)/' storage --include='*.h' --include='*.cpp'
  grep -rnE '#include "(search|prune)/' eval --include='*.h' --include='*.cpp'
  grep -rnE '#include "search/' prune --include='*.h' --include='*.cpp'
  grep -rnE '#include <(torch|ATen|c10)/' storage search/*.h search/cli search/executors search/strategies search/report --include='*.h' --include='*.cpp'
)
[ -z "$breaches" ] && exit 0
printf 'these includes break the layer rule:\n%s\n' "$breaches"
exit 1
