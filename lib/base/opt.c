/* opt - command lines from one table; see opt.h. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/opt.h"
#include "base/version.h"

#define OPT_MAX 64		/* options a command may have; a table beyond is a bug */
#define HELP_COLUMN 30

static bool saw_dashes;

int
opt_number(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	char *end;
	int64_t v;

	if (!isdigit((unsigned char)text[0]) && !(text[0] == '-' && isdigit((unsigned char)text[1])))
		return -EINVAL;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (*end != '\0')
		return -EINVAL;
	if (errno == ERANGE || v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

/* Digits, then at most one point with digits: no sign, no exponent, no "inf". */
int
opt_seconds(const char *text, int64_t min_ms, int64_t max_ms, int64_t *ret)
{
	int64_t ms = 0, unit = 1000;
	bool over = false, rest = false;
	const char *p = text;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++) {
		ms = ms * 10 + (*p - '0') * 1000;
		over |= ms > INT64_MAX / 100;
		if (over)
			ms = 0;
	}
	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			return -EINVAL;
		for (; isdigit((unsigned char)*p); p++) {
			unit /= 10;
			ms += (*p - '0') * unit;
			rest |= unit == 0 && *p != '0';
		}
	}
	if (*p != '\0')
		return -EINVAL;
	ms += rest;
	if (over || ms < min_ms || ms > max_ms)
		return -ERANGE;
	*ret = ms;
	return 0;
}

bool
opt_saw_dashes(void)
{
	return saw_dashes;
}

static void
print_usage(const struct opt_usage *u, FILE *to)
{
	const char *p = u->synopsis;
	bool first = true;

	do {
		size_t len = strcspn(p, "\n");

		fprintf(to, "%s %s%s%.*s\n", first ? "usage:" : "      ", u->name, len ? " " : "", (int)len, p);
		p += len + (p[len] == '\n');
		first = false;
	} while (*p != '\0');
}

void
opt_refuse(const struct opt_usage *u, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	diag_fail(EX_USAGE, "%s", buf_str(&b));
	print_usage(u, stderr);
	exit(EX_USAGE);
}

static void
print_option(int letter, const char *name, const char *arg, const char *help)
{
	char left[128];
	int n;

	n = letter ? snprintf(left, sizeof left, "-%c, --%s", letter, name) : snprintf(left, sizeof left, "    --%s", name);
	if (arg)
		n += snprintf(left + n, sizeof left - (size_t)n, " %s", arg);
	if (n > HELP_COLUMN - 4)
		printf("  %s\n%*s%s\n", left, HELP_COLUMN, "", help);
	else
		printf("  %-*s%s\n", HELP_COLUMN - 2, left, help);
}

static void
print_help(const struct opt_usage *u)
{
	print_usage(u, stdout);
	printf("%s\n\n", u->purpose);
	for (const struct opt *o = u->table; o->name; o++)
		print_option(o->letter, o->name, o->arg, o->help);
	print_option('h', "help", NULL, "print this and exit");
	print_option('V', "version", NULL, "print the version and exit");
	exit(diag_close_stdout(EX_OK));
}

static int
flag_value(const char *text, bool *ret)
{
	static const char *const yes[] = { "1", "true", "yes", "on" }, *const no[] = { "0", "false", "no", "off" };

	for (size_t i = 0; i < 4; i++) {
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
			*ret = strcasecmp(text, yes[i]) == 0;
			return 0;
		}
	}
	return -EINVAL;
}

static void
list_add(struct opt_list *l, const char *text)
{
	const char **p = realloc(l->item, (l->n + 1) * sizeof *p);

	if (!p)
		diag_die(EX_OSERR, "out of memory");
	l->item = p;
	l->item[l->n++] = text;
}

/* `from` is how the value is named in a message: "--port", or the variable's name. */
static void
set(const struct opt_usage *u, const struct opt *o, const char *from, const char *text)
{
	int r = 0;

	switch (o->kind) {
	case OPT_FLAG:
		if (!text)
			*(bool *)o->dest = true;
		else if (flag_value(text, o->dest) < 0)
			opt_refuse(u, "%s %s: must be true or false", from, text);
		return;
	case OPT_STRING:
		*(const char **)o->dest = text;
		return;
	case OPT_LIST:
		list_add(o->dest, text);
		return;
	case OPT_INT:
		r = opt_number(text, o->min, o->max, o->dest);
		if (r == -EINVAL)
			opt_refuse(u, "%s %s: not a whole number", from, text);
		if (r == -ERANGE)
			opt_refuse(u, "%s %s: must be %" PRId64 " to %" PRId64, from, text, o->min, o->max);
		return;
	case OPT_SECONDS:
		r = opt_seconds(text, o->min, o->max, o->dest);
		if (r == -EINVAL)
			opt_refuse(u, "%s %s: not a number of seconds", from, text);
		if (r == -ERANGE)
			opt_refuse(u, "%s %s: must be %.10g to %.10g seconds", from, text, (double)o->min / 1000, (double)o->max / 1000);
		return;
	}
}

/* getopt's two descriptions of the table.  Long options are found by their value, 256 + index. */
static size_t
describe(const struct opt_usage *u, char *letters, struct option *longs)
{
	size_t n = 0;
	char *p = letters;

	if (u->in_order)
		*p++ = '+';
	*p++ = ':';
	for (const struct opt *o = u->table; o->name; o++, n++) {
		if (n == OPT_MAX - 3)
			abort();
		longs[n] = (struct option){ o->name, o->arg ? required_argument : no_argument, NULL, 256 + (int)n };
		if (o->letter) {
			*p++ = (char)o->letter;
			if (o->arg)
				*p++ = ':';
		}
	}
	longs[n] = (struct option){ "help", no_argument, NULL, 'h' };
	longs[n + 1] = (struct option){ "version", no_argument, NULL, 'V' };
	longs[n + 2] = (struct option){ NULL, 0, NULL, 0 };
	*p++ = 'h';
	*p++ = 'V';
	*p = '\0';
	return n;
}

static size_t
index_of(const struct opt_usage *u, int c)
{
	size_t i = 0;

	if (c >= 256)
		return (size_t)c - 256;
	while (u->table[i].name && u->table[i].letter != c)
		i++;
	return i;
}

/* What getopt did not take: argv[optind - 1] holds a long one; a short one is in optopt. */
static void
refuse_unknown(const struct opt_usage *u, char **argv, bool lacks_argument)
{
	const char *what = lacks_argument ? "needs an argument" : "unknown option";
	size_t i;

	if (!lacks_argument && (optopt == 0 || optopt >= 256)) {
		const char *text = argv[optind - 1];

		if (optopt >= 256)
			opt_refuse(u, "%s: takes no argument", text);
		opt_refuse(u, "%s: %s", text, what);
	}
	i = index_of(u, optopt);
	if (lacks_argument && u->table[i].name)
		opt_refuse(u, "--%s: %s", u->table[i].name, what);
	opt_refuse(u, "-%c: %s", optopt, what);
}

static void
from_environment(const struct opt_usage *u, const bool *given)
{
	for (size_t i = 0; u->table[i].name; i++) {
		const struct opt *o = &u->table[i];
		const char *text = o->env && !given[i] ? getenv(o->env) : NULL;

		if (text && *text)
			set(u, o, o->env, text);
	}
}

int
opt_parse(const struct opt_usage *u, int argc, char **argv)
{
	char letters[3 * OPT_MAX], from[80];
	struct option longs[OPT_MAX];
	bool given[OPT_MAX] = { false };
	const char *last_arg = NULL;
	size_t i;
	int c;

	describe(u, letters, longs);
	opterr = 0;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (c == '?' || c == ':')
			refuse_unknown(u, argv, c == ':');
		if (c == 'h')
			print_help(u);
		if (c == 'V') {
			printf("%s %s\n", u->name, EXECMGR_VERSION);
			exit(diag_close_stdout(EX_OK));
		}
		i = index_of(u, c);
		snprintf(from, sizeof from, "--%s", u->table[i].name);
		set(u, &u->table[i], from, optarg);
		given[i] = true;
		last_arg = optarg;
	}
	from_environment(u, given);
	saw_dashes = optind > 1 && strcmp(argv[optind - 1], "--") == 0 && argv[optind - 1] != last_arg;
	return optind;
}
