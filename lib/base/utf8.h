/* utf8 - what is UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF). */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that starts at s[0] (1 to 4), 0: not UTF-8, or cut off.  len > 0. */
size_t	utf8_char(const char *s, size_t len);
/* The first place at or after `at` where no character is cut in two; at <= len. */
size_t	utf8_boundary(const char *s, size_t len, size_t at);
/* Encode a code point (surrogates excepted) into out[4]; returns the bytes used. */
size_t	utf8_encode(uint32_t code_point, char *out);

#endif
