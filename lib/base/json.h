/*
 * json - read and write JSON text (RFC 8259).
 * Reading: json_scan() checks the whole text strictly (UTF-8, numbers, depth, trailing bytes, and where asked duplicate
 * members) and builds nothing; a struct json then is a span of that text, and the functions below walk it.  Text passes
 * through as the bytes that came: no number is rounded, no string re-encoded.  A struct json is borrowed from the text.
 * Writing: json_put_* append to a buf and place the commas themselves, from the last byte written.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define JSON_DEPTH_MAX 512	/* arrays and objects within each other; CPython's own parser ends near 1,000 */

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_kind	 kind;
	const char	*p;	/* first byte of the value, quotes and brackets included */
	size_t		 len;
};

enum json_flags {
	JSON_UNIQUE = 1,	/* refuse an object that names a member twice (more than 65,536 members a text are refused) */
};

struct json_error {
	size_t		 offset;	/* bytes from the start */
	unsigned	 line, column;	/* from 1; column in bytes */
	const char	*what;		/* static text: "a value was expected" */
};

/* 0, *ret the whole text's value; -EINVAL: not JSON, -E2BIG: too deep or too many members, -ENOMEM; *ret_err filled. */
int	json_scan(const char *text, size_t len, unsigned flags, struct json *ret, struct json_error *ret_err);

/* Member `key` of an object; of two, the last.  False: none, or not an object. */
bool	json_get(struct json object, const char *key, struct json *ret);
/* Walk an array (key NULL) or object: struct json_iter it = { 0 }; while (json_next(v, &it, &key, &value)) … */
struct json_iter { size_t at; };
bool	json_next(struct json container, struct json_iter *it, struct json *ret_key, struct json *ret_value);

/* Append a string's text, escapes resolved; a lone surrogate becomes U+FFFD.  0, -EINVAL (no string), -ENOMEM. */
int	json_text(struct json string, struct buf *out);
bool	json_equals(struct json string, const char *text);	/* a string with just that text */
/* -EINVAL: no number, or no whole number; -ERANGE: outside min..max. 1e3 and 5.0 are whole. */
int	json_int(struct json number, int64_t min, int64_t max, int64_t *ret);
int	json_double(struct json number, double *ret);		/* -EINVAL; -ERANGE beyond a double */

void	json_put_open(struct buf *b, char bracket);		/* { or [ */
void	json_put_close(struct buf *b, char bracket);		/* } or ] */
void	json_put_key(struct buf *b, const char *key);
void	json_put_string(struct buf *b, const char *text, size_t len);	/* bad UTF-8 becomes U+FFFD */
void	json_put_str(struct buf *b, const char *text);		/* NULL is null */
void	json_put_int(struct buf *b, int64_t value);
void	json_put_bool(struct buf *b, bool value);
void	json_put_null(struct buf *b);
void	json_put_raw(struct buf *b, const char *json, size_t len);	/* JSON text, as it is */
/* The escaped inside of a string without its quotes: for a text that comes in pieces. */
void	json_escape(struct buf *b, const char *text, size_t len);

#endif
