/* imageref - whether a text can name an image; see imageref.h. */
#include <ctype.h>
#include <stddef.h>

#include "deploy/imageref.h"

#define NAME_MAX_BYTES	255	/* without tag and digest */
#define TAG_MAX		128
#define DIGEST_MIN	32	/* hexadecimal digits */

#define DIGITS	"0123456789"
#define LOWER	"abcdefghijklmnopqrstuvwxyz"
#define UPPER	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool
all(const char *s, size_t len, const char *of)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] == '\0' || strchr(of, s[i]) == NULL)
			return false;
	return true;
}

/* Lower-case words with ".", "_", "__" or any number of "-" between them. */
static bool
is_component(const char *s, size_t len)
{
	bool after_word = false;

	for (size_t i = 0; i < len;) {
		size_t word = strspn(s + i, LOWER DIGITS), gap;

		if (word == 0)
			return false;
		i += word;
		after_word = i >= len;
		if (after_word)
			break;
		gap = strspn(s + i, "-");
		if (gap == 0)
			gap = strncmp(s + i, "__", 2) == 0 ? 2 : s[i] == '_' || s[i] == '.' ? 1 : 0;
		if (gap == 0)
			return false;
		i += gap;
	}
	return after_word;
}

static bool
is_host(const char *s, size_t len)
{
	if (len > 2 && s[0] == '[' && s[len - 1] == ']')
		return all(s + 1, len - 2, DIGITS "abcdefABCDEF:");
	for (size_t i = 0, label; i <= len; i += label + 1) {
		for (label = 0; i + label < len && s[i + label] != '.'; label++)
			;
		if (label == 0 || s[i] == '-' || s[i + label - 1] == '-' || !all(s + i, label, LOWER UPPER DIGITS "-"))
			return false;
	}
	return true;
}

static bool
is_domain(const char *s, size_t len)
{
	size_t port = 0;

	while (port < len && isdigit((unsigned char)s[len - 1 - port]))
		port++;
	if (port > 0 && port < len && s[len - 1 - port] == ':')
		len -= port + 1;
	return is_host(s, len);
}

static bool
is_name(const char *s, size_t len)
{
	size_t at = 0, n;

	if (len > NAME_MAX_BYTES)
		return false;
	for (bool first = true; at <= len; at += n + 1, first = false) {
		const char *slash = memchr(s + at, '/', len - at);

		n = slash != NULL ? (size_t)(slash - s) - at : len - at;
		if (!is_component(s + at, n) && !(first && slash != NULL && is_domain(s, n)))
			return false;
	}
	return true;
}

static bool
is_tag(const char *s, size_t len)
{
	return len > 0 && len <= TAG_MAX && all(s, 1, LOWER UPPER DIGITS "_") && all(s, len, LOWER UPPER DIGITS "_.-");
}

static bool
is_digest(const char *s)
{
	size_t algorithm = strcspn(s, ":"), hex;

	if (algorithm == 0 || s[algorithm] == '\0' || !all(s, 1, LOWER UPPER) || !all(s, algorithm, LOWER UPPER DIGITS "-_+."))
		return false;
	hex = strlen(s + algorithm + 1);
	return hex >= DIGEST_MIN && all(s + algorithm + 1, hex, DIGITS "abcdefABCDEF");
}

bool
imageref_ok(const char *ref)
{
	size_t len = strcspn(ref, "@"), name = len;

	if (ref[len] == '@' && !is_digest(ref + len + 1))
		return false;
	while (name > 0 && ref[name - 1] != ':' && ref[name - 1] != '/')
		name--;
	if (name > 0 && ref[name - 1] == ':')		/* a colon before a slash belongs to the host's port */
		return is_tag(ref + name, len - name) && is_name(ref, name - 1);
	return is_name(ref, len);
}
