/* limits - how much of the machine an executor gets; see limits.h. */
#include <errno.h>

#include "deploy/limits.h"

#define BYTES_MIN	(6.0 * (1 << 20))	/* Docker refuses less */
#define BYTES_MAX	(1024.0 * (1ULL << 40))
#define CPUS_MIN	0.01			/* Docker's, too */
#define CPUS_MAX	1024.0

bool
limits_is(const char *name)
{
	return strcmp(name, "MEM_LIMIT") == 0 || strcmp(name, "CPUS") == 0 || strcmp(name, "MEM_RESERVATION") == 0;
}

/* Digits, and digits after a point: what strtod() takes beyond that (signs, exponents, "inf") is none here. */
static const char *
parse_decimal(const char *s, double *ret)
{
	size_t n = strspn(s, "0123456789"), fraction;

	if (n == 0)
		return NULL;
	if (s[n] == '.') {
		if ((fraction = strspn(s + n + 1, "0123456789")) == 0)
			return NULL;
		n += 1 + fraction;
	}
	*ret = strtod(s, NULL);		/* what follows is no part of a number: a hexadecimal one would have had its "x" here */
	return s + n;
}

/* NULL, or what is wrong. */
static const char *
parse_size(const char *s, double *ret_bytes)
{
	static const char units[] = "kmgt";
	double n;
	const char *p = parse_decimal(s, &n), *unit;

	if (p != NULL && *p != '\0' && (unit = strchr(units, *p | 0x20)) != NULL) {
		for (; unit >= units; unit--)
			n *= 1024;
		p++;
		if (*p == 'i' || *p == 'I')
			p++;
	}
	if (p != NULL && (*p == 'b' || *p == 'B'))
		p++;
	if (p == NULL || *p != '\0')
		return "must be a size such as 256M, 1.5g or 2GB";
	if (n < BYTES_MIN || n > BYTES_MAX)
		return "must be 6M to 1024T";
	*ret_bytes = n;
	return NULL;
}

/* NULL, or what is wrong. */
static const char *
parse_cpus(const char *s, int *ret_threads)
{
	double n;
	const char *end = parse_decimal(s, &n);

	if (end == NULL || *end != '\0')
		return "must be a number of processors such as 0.5 or 2";
	if (n < CPUS_MIN || n > CPUS_MAX)
		return "must be 0.01 to 1024";
	*ret_threads = (int)n + (n > (int)n);
	return NULL;
}

int
limits_take(const struct env *e, struct limits *ret, struct buf *why)
{
	const struct env_var *memory = env_get(e, "MEM_LIMIT"), *cpus = env_get(e, "CPUS"),
	    *reservation = env_get(e, "MEM_RESERVATION");
	struct limits l = LIMITS_INIT;
	double limit, reserved;
	const char *what;

	if (memory != NULL)
		l.memory = memory->value;
	if ((what = parse_size(l.memory, &limit)) != NULL)
		return env_refuse(memory, why, what);
	l.memory_bytes = (int64_t)limit;
	if (cpus != NULL && (what = parse_cpus(l.cpus = cpus->value, &l.threads)) != NULL)
		return env_refuse(cpus, why, what);
	if (reservation != NULL) {
		what = parse_size(l.reservation = reservation->value, &reserved);
		if (what == NULL && reserved > limit)
			what = "is above MEM_LIMIT";
		if (what != NULL)
			return env_refuse(reservation, why, what);
	}
	*ret = l;
	return 0;
}
