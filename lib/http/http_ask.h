/*
 * http_ask - one small GET on a loop of its own, waited for: for commands and health checks, never within a daemon's loop.
 */
#ifndef HTTP_ASK_H
#define HTTP_ASK_H

#include <stdint.h>

#include "buf.h"
#include "uri.h"

#define HTTP_ASK_BYTES	65536	/* a longer answer is an error */

/*
 * The server at `at`; one that listens on all addresses is asked on loopback.
 * 0, *ret_status the answer's, its body appended to body; -errno: no answer within timeout_ms (-ETIMEDOUT), none at all, no HTTP.
 */
int	http_ask(const struct endpoint *at, const char *target, int64_t timeout_ms, int *ret_status, struct buf *body);

#endif
