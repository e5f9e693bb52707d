#!/bin/sh
# symbols.sh NM ISA OBJECT...: kernels of an instruction set may share nothing with the rest of the program. Of a weak
# symbol (an inline function of the standard library, say) the linker keeps one copy of all, and that may be one
# which only newer machines can run.
set -eu
nm=$1 isa=$2
shift 2
shared=$("$nm" -C --defined-only "$@" | grep -E ' [WVu] ' | grep -v -E "recurra::core::$isa::|DW\.ref\." || true)
if [ -n "$shared" ]; then
    echo "The $isa kernels define weak symbols outside of recurra::core::$isa:" >&2
    echo "$shared" >&2
    exit 1
fi
