/* quantity - amounts of memory and of processors; see quantity.h. */
#include <stdlib.h>
#include <string.h>

#include "quantity.h"

#define BYTES_MIN	(6.0 * (1 << 20))	/* Docker refuses less */
#define BYTES_MAX	(1024.0 * (1ULL << 40))
#define CPUS_MIN	0.01			/* Docker's, too; also what the kernel takes: 1 ms of 100 */
#define CPUS_MAX	1024.0

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

const char *
quantity_bytes(const char *text, int64_t *ret_bytes)
{
	static const char units[] = "kmgt";
	double n;
	const char *p = parse_decimal(text, &n), *unit;

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
	*ret_bytes = (int64_t)n;
	return NULL;
}

const char *
quantity_cpus(const char *text, double *ret_cpus)
{
	double n;
	const char *end = parse_decimal(text, &n);

	if (end == NULL || *end != '\0')
		return "must be a number of processors such as 0.5 or 2";
	if (n < CPUS_MIN || n > CPUS_MAX)
		return "must be 0.01 to 1024";
	*ret_cpus = n;
	return NULL;
}
