// Calls that Swift cannot make, because they are variadic or have no wrapper in libc.
#pragma once
