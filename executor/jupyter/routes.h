/* routes - the executor's HTTP calls; executor/README.md is their contract. */
#ifndef ROUTES_H
#define ROUTES_H

#include <stdint.h>
#include <sys/queue.h>

#include "allow.h"
#include "http/http_server.h"
#include "runner.h"

#define ROUTES_BODY_MAX		(32u << 20)
#define ROUTES_HELD_MAX		(256u << 20)	/* bytes of all bodies at a time: beyond, requests get 429 */
#define ROUTES_CHUNKED_BYTES	(1u << 20)	/* what a body of unknown length is counted as */
#define ROUTES_INPUT_MAX	(1u << 20)	/* a line for input() */
#define ROUTES_OUTPUT_DEFAULT	(16 << 20)	/* bytes of outputs, unless a request says otherwise */

struct routes {
	uv_loop_t	*loop;
	struct runner	*runner;
	const struct kernelspec *spec;
	struct allow	*allow;			/* NULL: whoever reaches the address may call */
	int64_t		 timeout_ms;		/* EXECUTION_TIMEOUT */
	int64_t		 start_ms;		/* limit of a kernel's start */
	int64_t		 max_output_bytes;	/* MAX_OUTPUT_BYTES */
	int64_t		 max_files_bytes;	/* MAX_FILES_BYTES: of one file that is put */
	int64_t		 started_ms;		/* monotonic */
	size_t		 held_bytes;		/* bodies of requests on their way, see ROUTES_HELD_MAX */
	LIST_HEAD(, transfer) transfers;	/* of files, under way … */
	unsigned	 ntransfers;		/* … or being cleaned up after */
};

/*
 * May its body be read, too?  False: it was answered with 429.  Where true, *ret_bytes are taken off held_bytes when the request is
 * over.
 */
bool	routes_admit(struct routes *rt, struct http_req *req, size_t *ret_bytes);

/* For http_server_conf: arg is a struct routes. */
void	routes_on_request(void *arg, struct http_req *req);
void	routes_on_allowed(void *arg, struct http_req *req, bool allowed);	/* allow's answer */

#endif
