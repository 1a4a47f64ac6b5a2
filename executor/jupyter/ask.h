/*
 * ask - questions about code: POST /complete, /inspect, /is_complete.
 * A question waits its turn behind the code that was sent before it and is answered by the kernel, within ASK_MS in all: what is
 * still waiting then is refused as busy (429), what the kernel has not answered as unavailable (503).
 * Source: Jupyter messaging specification 5.x: "Introspection", "Completion", "Code completeness"; positions count code points.
 */
#ifndef ASK_H
#define ASK_H

#include "request.h"
#include "routes.h"

#define ASK_MS		10000
#define ASK_ANSWER_MAX	(16u << 20)	/* bytes of a kernel's answer */

void	ask(struct routes *rt, struct http_req *req, enum question what);

#endif
