/*
 * channels - the ZeroMQ sockets between this executor and one kernel incarnation, on a libuv loop.
 * The only module that knows ZeroMQ.  Messages are read as soon as they are there, whatever becomes of them: a kernel
 * drops what a slow reader leaves lying.  Wrong ones are dropped and counted.  Not thread-safe; never calls back from
 * within channels_send().
 * Source: Jupyter messaging specification; zmq_getsockopt(3), ZMQ_FD: its descriptor is edge-triggered.
 */
#ifndef CHANNELS_H
#define CHANNELS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "wire.h"

enum channel { CHANNEL_IOPUB, CHANNEL_SHELL, CHANNEL_STDIN, CHANNEL_CONTROL, CHANNELS };

struct channels;

struct channels_conf {
	struct wire	*wire;			/* borrowed */
	char		 endpoint[CHANNELS][128];	/* "ipc:///run/x-1", "tcp://127.0.0.1:5001" */
	bool		 await;			/* see channels_are_connected() */
	const char	*identity;		/* shell and stdin must have the same: input requests find us by it */
	void		*arg;
	void		(*on_message)(void *arg, enum channel from, const struct wire_msg *msg);
	/* More arrives than is read (true), so that a kernel that does not stop fills the memory; all is read (false). */
	void		(*on_behind)(void *arg, bool behind);
	/* The kernel's end of iopub is closed, and all that it had sent was passed on. */
	void		(*on_lost)(void *arg);
};

/* Connects at once; who is not there yet is tried again.  0; -errno. */
int	channels_new(uv_loop_t *loop, const struct channels_conf *conf, struct channels **ret);
void	channels_free(struct channels **c);

/*
 * Send a message; content's memory is taken over (no copy of a large cell), *content is reset.  parent as in wire_encode().
 * id (may be NULL) gets its message id.  0; -errno.
 */
int	channels_send(struct channels *c, enum channel to, const char *type, const char *parent, size_t parent_len,
	    struct buf *content, char id[WIRE_ID_MAX]);
/* Pass on what has arrived by now (a bounded amount; the loop brings the rest). */
void	channels_pump(struct channels *c);
/* Leave what comes on iopub where it is: where a kernel that is stopped had sent more than may be taken now; or take it again. */
void	channels_hold(struct channels *c, bool hold);
/* With conf.await: do all of them have a connection?  Their addresses may go then. */
bool	channels_are_connected(const struct channels *c);
uint64_t channels_refused(const struct channels *c);	/* messages dropped because they were wrong */

#endif
