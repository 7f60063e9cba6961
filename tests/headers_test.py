"""What a source names of the standard library it includes itself, or the header of its name does: another LibTorch, whose headers bring others along,
must not break the build. usage: headers_test.py SOURCE_FOLDER
"""
import pathlib
import re
import sys

HEADERS = {
    "algorithm": "all_of any_of binary_search clamp copy copy_if copy_n count_if equal_range fill fill_n find_if find_if_not for_each is_sorted lower_bound max_element "
                 "min_element minmax_element mismatch none_of nth_element partial_sort partition remove_if replace reverse rotate sort stable_partition stable_sort "
                 "transform unique upper_bound",
    "array": "array",
    "atomic": "atomic atomic_bool atomic_int",
    "bit": "bit_cast countl_zero endian popcount",
    "cctype": "isalnum isalpha isdigit isspace tolower toupper",
    "charconv": "from_chars to_chars",
    "chrono": "chrono",
    "cmath": "abs ceil cos exp floor hypot isfinite isinf isnan lgamma log log2 pow round sqrt",
    "condition_variable": "condition_variable",
    "cstdint": "int32_t int64_t uint8_t uint32_t uint64_t uintmax_t",
    "cstring": "memcmp memcpy memset strerror strlen",
    "deque": "deque",
    "exception": "current_exception exception_ptr rethrow_exception",
    "filesystem": "filesystem",
    "fstream": "ifstream ofstream",
    "functional": "function hash",
    "future": "async future promise",
    "limits": "numeric_limits",
    "list": "list",
    "map": "map multimap",
    "memory": "make_shared make_unique shared_ptr unique_ptr weak_ptr",
    "mutex": "lock_guard mutex once_flag scoped_lock unique_lock",
    "numeric": "accumulate inner_product iota partial_sum reduce",
    "optional": "nullopt optional",
    "queue": "priority_queue queue",
    "random": "mt19937 mt19937_64 normal_distribution uniform_int_distribution uniform_real_distribution",
    "regex": "regex regex_match regex_replace regex_search smatch sregex_iterator",
    "set": "multiset set",
    "span": "span",
    "sstream": "istringstream ostringstream stringstream",
    "string": "stod stoi stol stoll stoull string to_string",
    "string_view": "string_view",
    "thread": "jthread this_thread thread",
    "tuple": "apply make_tuple tie tuple",
    "unordered_map": "unordered_map",
    "unordered_set": "unordered_set",
    "variant": "get_if holds_alternative monostate variant visit",
    "vector": "vector",
}
HOME = {name: header for header, names in HEADERS.items() for name in names.split()}
# Headers that bring these along by their own definition: what a class template takes or gives.
BROUGHT = {"filesystem": {"string"}, "map": {"tuple"}}


def included(path, root, seen):
    """Standard headers of a file and of the project's headers that it includes: those are as much under our hand as the file."""
    if path in seen:
        return set()
    seen.add(path)
    text = path.read_text()
    found = set(re.findall(r"#include <(\w+)>", text))
    for name in re.findall(r'#include "([^"]+)"', text):
        if (root / name).exists():
            found |= included(root / name, root, seen)
    return found


def main(root):
    root, missing = pathlib.Path(root), []
    for folder in ("storage", "eval", "prune", "search"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cpp"):
                continue
            has = included(path, root, set())
            has |= {brought for header in has for brought in BROUGHT.get(header, ())}
            code = re.sub(r'//.*|"(?:\\.|[^"\\])*"', "", path.read_text())
            for name in sorted(set(re.findall(r"\bstd::(\w+)", code))):
                if HOME.get(name, next(iter(has), "")) not in has:
                    missing.append(f"{path.relative_to(root)}: std::{name} needs <{HOME[name]}>")
    print("\n".join(missing))
    sys.exit(f"FAILED: {len(missing)} names come from headers that others include by luck" if missing else None)


main(sys.argv[1])
