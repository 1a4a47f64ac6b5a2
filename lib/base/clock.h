/* clock - what time it is.  Deadlines use the monotonic clock; only what people read uses the wall clock. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

int64_t	clock_mono_ms(void);	/* milliseconds, never set back */
int64_t	clock_mono_ns(void);	/* nanoseconds, the same clock */
int64_t	clock_wall_ms(void);	/* milliseconds since 1970-01-01 UTC */

#endif
