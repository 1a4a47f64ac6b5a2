/*
 * api - calls to the manager, for the commands; execmgr-serve(8) describes them.
 * The only module that includes libcurl's headers.  One call at a time, each on a connection of its own: a kept connection
 * that turned out to be closed would make libcurl send a POST twice.  Proxies and redirects are never followed.
 *
 * A call returns 0; -EINTR: the watched descriptor became readable, the call was cut; or the exit status that its failure
 * means.  After a failure api_error() is a sentence for people: "http://127.0.0.1:5000: Connection refused".
 */
#ifndef API_H
#define API_H

#include <stdint.h>

#include "buf.h"
#include "json.h"

#define API_DEFAULT_URL "http://127.0.0.1:5000"
#define API_CODE_MAX	((size_t)32 << 20)	/* bytes of code: an executor takes no larger body */

struct api;

struct api_answer {
	int		status;		/* HTTP */
	struct buf	body;
	struct json	json;		/* its value, borrowed from body */
};

#define API_ANSWER_INIT { 0, BUF_INIT, { 0 } }

void	api_answer_release(struct api_answer *ans);

/* 0; -EINVAL: *ret_why (static text) says what is wrong with the url; -ENOMEM.  Connects to nothing yet. */
int	api_new(const char *url, struct api **ret, const char **ret_why);
void	api_free(struct api **a);
const char *api_url(const struct api *a);
const char *api_error(const struct api *a);
void	api_watch(struct api *a, int fd);	/* cut calls when fd is readable; -1: nothing */

/* GET of one of the manager's own paths: "/status". */
int	api_get(struct api *a, const char *target, struct api_answer *ret);
/*
 * Take a container of `type` (NULL: any), waiting for one at most wait_ms.  *ret_id is -1 unless one was taken; that may be so
 * with -EINTR as well, since the answer may have been on its way: the caller gives it back.
 */
int	api_allocate(struct api *a, const char *type, int64_t wait_ms, struct api_answer *ret, int *ret_id);
int	api_deallocate(struct api *a, int id);		/* returns when the container is reset */
/* POST body (JSON) to a session's /execute.  The run has no time limit here: the executor has one. */
int	api_execute(struct api *a, int id, const struct buf *body, struct api_answer *ret);
/*
 * The same, with outputs as they come where the executor streams: each line goes to on_line, borrowed for the call, and
 * ret->status stays 0.  What on_line returns other than 0 ends the call and is its result.  An executor that does not
 * stream: on_line is not called, ret is its answer.
 */
int	api_execute_stream(struct api *a, int id, const struct buf *body, int (*on_line)(void *arg, struct json line), void *arg,
	    struct api_answer *ret);

/* The id in an allocation as the manager or exec-alloc wrote it, -1: there is none. */
int	api_allocation_id(struct json allocation);

#endif
