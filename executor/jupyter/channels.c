/* channels - the ZeroMQ sockets of one kernel; see channels.h. */
#include <errno.h>

#include <zmq.h>

#include "base/diag.h"
#include "channels.h"

#define RECONNECT_MS	  5	/* a kernel that is forked is there some 50 ms later */
#define RECONNECT_MAX_MS  40	/* … others after half a second, or many */
#define PUMP_MESSAGES	  512	/* in one go; then the loop has its turn */
#define PUMP_BYTES	  (4 << 20)

struct watch {			/* one descriptor on the loop */
	uv_poll_t	 poll;
	struct channels	*c;
	void		*socket;
};

struct channels {
	void		*zmq;			/* context: threads of its own */
	struct watch	 watch[CHANNELS + 1];	/* the last one watches iopub's connection */
	uv_idle_t	 again;			/* pump once more without waiting: see pump_soon() */
	unsigned	 handles;		/* libuv still holds: c lives until it lets go of all */
	bool		 closing;
	bool		 pumping;
	bool		 held;			/* iopub is not read */
	bool		 behind;		/* on_behind(true) was called */
	struct channels_conf conf;
	uint64_t	 refused;
	zmq_msg_t	 part[WIRE_FRAMES_MAX];
	struct wire_frame frame[WIRE_FRAMES_MAX];
};

static const char monitor_endpoint[] = "inproc://monitor";

/* ---- reading ---- */

/* All frames of one message.  Returns how many; 0: nothing there; -EMSGSIZE: too many, dropped; -errno. */
static int
receive(struct channels *c, void *socket)
{
	zmq_msg_t spill;
	int n = 0, more = 1;

	while (more) {
		zmq_msg_t *m = n < WIRE_FRAMES_MAX ? &c->part[n] : &spill;

		zmq_msg_init(m);
		while (zmq_msg_recv(m, socket, ZMQ_DONTWAIT) < 0) {
			if (errno == EINTR)
				continue;
			zmq_msg_close(m);
			return n > 0 ? -errno : errno == EAGAIN ? 0 : -errno;
		}
		more = zmq_msg_more(m);
		if (m == &spill)
			zmq_msg_close(m);
		else
			c->frame[n] = (struct wire_frame){ zmq_msg_data(m), zmq_msg_size(m) };
		n += n <= WIRE_FRAMES_MAX;
	}
	return n;
}

static void
refuse(struct channels *c, enum channel from, int err)
{
	static const char *const names[CHANNELS] = { "iopub", "shell", "stdin", "control" };
	const char *what = err == -EACCES ? "wrong signature" : err == -EALREADY ? "it came before" : err == -EPROTO ? "missing frames" :
	    err == -EBADMSG ? "not JSON as it should be" : err == -EMSGSIZE ? "too many frames" : strerror(-err);

	c->refused++;
	diag(c->refused <= 3 ? DIAG_WARN : DIAG_DEBUG, "kernel: message on %s dropped: %s", names[from], what);
}

/* One message of a channel; false: none there. */
static bool
take(struct channels *c, enum channel from, size_t *bytes)
{
	struct wire_msg msg;
	int n, r;

	n = receive(c, c->watch[from].socket);
	if (n == 0)
		return false;
	if (n < 0) {
		refuse(c, from, n);
		return n != -ETERM && n != -ENOTSOCK;
	}
	for (int i = 0; i < n && i < WIRE_FRAMES_MAX; i++)
		*bytes += c->frame[i].len;
	r = n > WIRE_FRAMES_MAX ? -EMSGSIZE : wire_decode(c->conf.wire, c->frame, (size_t)n, &msg);
	if (r < 0)
		refuse(c, from, r);
	else
		c->conf.on_message(c->conf.arg, from, &msg);
	for (int i = 0; i < n && i < WIRE_FRAMES_MAX; i++)
		zmq_msg_close(&c->part[i]);
	return true;
}

/* Was iopub's connection closed by the other side?  zmq_socket_monitor(3): event, then address. */
static bool
connection_lost(struct channels *c)
{
	bool lost = false;
	uint16_t event;
	int n;

	while ((n = receive(c, c->watch[CHANNELS].socket)) > 0) {
		if (c->frame[0].len >= sizeof event) {
			memcpy(&event, c->frame[0].data, sizeof event);
			lost |= event == ZMQ_EVENT_DISCONNECTED;
		}
		for (int i = 0; i < n && i < WIRE_FRAMES_MAX; i++)
			zmq_msg_close(&c->part[i]);
	}
	return lost;
}

static void pump_soon(struct channels *c);

static void
tell_behind(struct channels *c, bool behind)
{
	if (c->behind == behind)
		return;
	c->behind = behind;
	c->conf.on_behind(c->conf.arg, behind);
}

void
channels_pump(struct channels *c)
{
	size_t messages = 0, bytes = 0;
	bool lost;

	if (c->closing || c->pumping)
		return;
	c->pumping = true;
	/* Looked at first: what was sent before the connection went is then already in iopub's queue. */
	lost = connection_lost(c);
	for (enum channel from = 0; from < CHANNELS; from++)
		while ((!c->held || lost || from != CHANNEL_IOPUB) && take(c, from, &bytes)) {
			if (c->closing)		/* channels_free() was called: c lives until the loop's next turn */
				return;
			if (++messages >= PUMP_MESSAGES || bytes >= PUMP_BYTES) {
				pump_soon(c);
				if (bytes >= PUMP_BYTES)
					tell_behind(c, true);
				if (!lost)
					goto out;
				messages = bytes = 0;	/* the end is near: all of it, now */
			}
		}
	tell_behind(c, false);
	if (lost)
		c->conf.on_lost(c->conf.arg);
out:
	c->pumping = false;
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;

	(void)status;
	(void)events;
	channels_pump(w->c);
}

static void
on_again(uv_idle_t *idle)
{
	struct channels *c = idle->data;

	uv_idle_stop(idle);
	channels_pump(c);
}

/* ZeroMQ's descriptor tells of changes only: after a send, or with messages left, nothing may wake us. */
static void
pump_soon(struct channels *c)
{
	uv_idle_start(&c->again, on_again);
}

/* ---- sending ---- */

static void
free_content(void *data, void *hint)
{
	(void)hint;
	free(data);
}

static int
send_frame(void *socket, zmq_msg_t *m, bool more)
{
	while (zmq_msg_send(m, socket, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0) {
		int err = errno;

		if (err == EINTR)
			continue;
		zmq_msg_close(m);
		return -err;
	}
	return 0;
}

static int
send_all(void *socket, const struct wire_out *out, struct buf *content)
{
	zmq_msg_t m;
	int r = 0;

	for (int i = 0; r == 0 && i < WIRE_OUT_FRAMES - 1; i++) {
		if (zmq_msg_init_size(&m, out->frame[i].len) < 0)
			return -ENOMEM;
		memcpy(zmq_msg_data(&m), out->frame[i].data, out->frame[i].len);
		r = send_frame(socket, &m, true);
	}
	if (r < 0)
		return r;
	if (zmq_msg_init_data(&m, content->data, content->len, free_content, NULL) < 0)
		return -ENOMEM;
	*content = (struct buf)BUF_INIT;
	return send_frame(socket, &m, false);
}

int
channels_send(struct channels *c, enum channel to, const char *type, const char *parent, size_t parent_len,
    struct buf *content, char id[WIRE_ID_MAX])
{
	struct wire_out out = WIRE_OUT_INIT;
	int r;

	if ((r = buf_error(content)) == 0)
		r = wire_encode(c->conf.wire, type, parent, parent_len, content->data, content->len, &out);
	if (r == 0)
		r = send_all(c->watch[to].socket, &out, content);
	if (r == 0 && id)
		memcpy(id, out.id, WIRE_ID_MAX);
	wire_out_release(&out);
	buf_release(content);
	pump_soon(c);
	return r;
}

/* ---- life ---- */

static int
set_int(void *socket, int option, int value)
{
	return zmq_setsockopt(socket, option, &value, sizeof value) < 0 ? -errno : 0;
}

static int
set_options(void *socket, bool iopub, const char *identity)
{
	int r;

	/* No limits: what is not taken here is dropped by the kernel, silently. */
	if ((r = set_int(socket, ZMQ_LINGER, 0)) < 0 || (r = set_int(socket, ZMQ_RCVHWM, 0)) < 0 ||
	    (r = set_int(socket, ZMQ_SNDHWM, 0)) < 0 ||
	    (r = set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS)) < 0 ||
	    (r = set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS)) < 0)
		return r;
	if (iopub)
		return zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0) < 0 ? -errno : 0;
	return zmq_setsockopt(socket, ZMQ_ROUTING_ID, identity, strlen(identity)) < 0 ? -errno : 0;
}

static int
watch_socket(struct channels *c, uv_loop_t *loop, int i)
{
	struct watch *w = &c->watch[i];
	size_t len = sizeof(int);
	int fd, r;

	if (zmq_getsockopt(w->socket, ZMQ_FD, &fd, &len) < 0)
		return -errno;
	if ((r = uv_poll_init(loop, &w->poll, fd)) < 0)
		return r;
	w->c = c;
	w->poll.data = w;
	c->handles++;
	return uv_poll_start(&w->poll, UV_READABLE, on_readable);
}

static int
open_socket(struct channels *c, uv_loop_t *loop, enum channel i)
{
	bool iopub = i == CHANNEL_IOPUB;
	int r;

	c->watch[i].socket = zmq_socket(c->zmq, iopub ? ZMQ_SUB : ZMQ_DEALER);
	if (!c->watch[i].socket)
		return -errno;
	if ((r = set_options(c->watch[i].socket, iopub, c->conf.identity)) < 0)
		return r;
	/* So that it can be written to only when it is connected; the other two tell by what comes from them. */
	if (c->conf.await && (i == CHANNEL_STDIN || i == CHANNEL_CONTROL) &&
	    (r = set_int(c->watch[i].socket, ZMQ_IMMEDIATE, 1)) < 0)
		return r;
	if (iopub) {
		if (zmq_socket_monitor(c->watch[i].socket, monitor_endpoint, ZMQ_EVENT_DISCONNECTED) < 0)
			return -errno;
		c->watch[CHANNELS].socket = zmq_socket(c->zmq, ZMQ_PAIR);
		if (!c->watch[CHANNELS].socket || zmq_connect(c->watch[CHANNELS].socket, monitor_endpoint) < 0)
			return -errno;
		if ((r = set_int(c->watch[CHANNELS].socket, ZMQ_LINGER, 0)) < 0 ||
		    (r = watch_socket(c, loop, CHANNELS)) < 0)
			return r;
	}
	if (zmq_connect(c->watch[i].socket, c->conf.endpoint[i]) < 0)
		return -errno;
	return watch_socket(c, loop, (int)i);
}

int
channels_new(uv_loop_t *loop, const struct channels_conf *conf, struct channels **ret)
{
	struct channels *c = calloc(1, sizeof *c);
	int r = 0;

	if (!c)
		return -ENOMEM;
	c->conf = *conf;
	uv_idle_init(loop, &c->again);
	c->again.data = c;
	c->handles = 1;
	c->zmq = zmq_ctx_new();
	if (!c->zmq)
		r = -errno;
	for (enum channel i = 0; r == 0 && i < CHANNELS; i++)
		r = open_socket(c, loop, i);
	if (r < 0) {
		channels_free(&c);
		return r;
	}
	pump_soon(c);
	*ret = c;
	return 0;
}

static void
on_closed(uv_handle_t *handle)
{
	struct channels *c = handle->type == UV_IDLE ? handle->data : ((struct watch *)handle->data)->c;

	if (--c->handles == 0)
		free(c);
}

void
channels_free(struct channels **cp)
{
	struct channels *c = *cp;

	if (!c)
		return;
	*cp = NULL;
	c->closing = true;
	for (int i = 0; i <= CHANNELS; i++)		/* off the loop before ZeroMQ closes the descriptor */
		if (c->watch[i].c) {
			uv_poll_stop(&c->watch[i].poll);
			uv_close((uv_handle_t *)&c->watch[i].poll, on_closed);
		}
	if (c->watch[CHANNEL_IOPUB].socket)
		zmq_socket_monitor(c->watch[CHANNEL_IOPUB].socket, NULL, 0);
	for (int i = CHANNELS; i >= 0; i--)
		if (c->watch[i].socket)
			zmq_close(c->watch[i].socket);
	while (c->zmq && zmq_ctx_term(c->zmq) < 0 && errno == EINTR)
		;
	uv_close((uv_handle_t *)&c->again, on_closed);
}

void
channels_hold(struct channels *c, bool hold)
{
	c->held = hold;
	if (!hold)
		pump_soon(c);
}

bool
channels_are_connected(const struct channels *c)
{
	static const enum channel which[] = { CHANNEL_STDIN, CHANNEL_CONTROL };
	size_t len;
	int events;

	for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
		len = sizeof events;
		if (zmq_getsockopt(c->watch[which[i]].socket, ZMQ_EVENTS, &events, &len) < 0 || !(events & ZMQ_POLLOUT))
			return false;
	}
	return true;
}

uint64_t
channels_refused(const struct channels *c)
{
	return c->refused;
}
