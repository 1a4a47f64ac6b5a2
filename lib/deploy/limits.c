/* limits - how much of the machine an executor gets; see limits.h. */
#include <errno.h>

#include "base/quantity.h"
#include "deploy/limits.h"

bool
limits_is(const char *name)
{
	return strcmp(name, "MEM_LIMIT") == 0 || strcmp(name, "CPUS") == 0 || strcmp(name, "MEM_RESERVATION") == 0;
}

int
limits_take(const struct env *e, struct limits *ret, struct buf *why)
{
	const struct env_var *memory = env_get(e, "MEM_LIMIT"), *cpus = env_get(e, "CPUS"),
	    *reservation = env_get(e, "MEM_RESERVATION");
	struct limits l = LIMITS_INIT;
	int64_t reserved;
	double processors;
	const char *what;

	if (memory != NULL)
		l.memory = memory->value;
	if ((what = quantity_bytes(l.memory, &l.memory_bytes)) != NULL)
		return env_refuse(memory, why, what);
	if (cpus != NULL) {
		if ((what = quantity_cpus(l.cpus = cpus->value, &processors)) != NULL)
			return env_refuse(cpus, why, what);
		l.threads = (int)processors + (processors > (int)processors);
	}
	if (reservation != NULL) {
		what = quantity_bytes(l.reservation = reservation->value, &reserved);
		if (what == NULL && reserved > l.memory_bytes)
			what = "is above MEM_LIMIT";
		if (what != NULL)
			return env_refuse(reservation, why, what);
	}
	*ret = l;
	return 0;
}
