/*
 * cell PORT CONNECTION_FILE ROUNDS - one cell through executor-jupyter, against a bare loop on libzmq.
 * PORT is an executor's with a kernel of its own; CONNECTION_FILE is that of another kernel of the same kind, spoken to here with
 * two sockets and a poll.  The two take turns, in rounds of BATCH cells, so that what else the machine does meets both alike.
 * Prints one JSON line for each code: p50 of both in microseconds, their ratio, and the limit that is aimed at.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zmq.h>

#include "../../executor/jupyter/wire.h"
#include "base/clock.h"

#define BATCH	20
#define WARM	100		/* cells before anything is measured */
#define LIMIT	1.1
#define ANSWER_MAX 65536

static struct wire *wire;
static void *shell, *iopub;
static int http = -1;

static void
die(const char *what)
{
	fprintf(stderr, "cell: %s: %s\n", what, strerror(errno));
	exit(71);
}

/* ---- HTTP ---- */

static void
http_connect(const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int on = 1;

	a.sin_port = htons((uint16_t)strtol(port, NULL, 10));
	http = socket(AF_INET, SOCK_STREAM, 0);
	if (http < 0 || connect(http, (struct sockaddr *)&a, sizeof a) < 0)
		die("connect");
	setsockopt(http, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* The head and Content-Length bytes of body. */
static void
http_read_answer(void)
{
	static char text[ANSWER_MAX];
	size_t len = 0, need = 0;
	const char *body, *field;
	ssize_t n;

	do {
		n = read(http, text + len, sizeof text - 1 - len);
		if (n <= 0)
			die("answer");
		len += (size_t)n;
		text[len] = '\0';
		body = strstr(text, "\r\n\r\n");
		field = strcasestr(text, "\r\nContent-Length:");
		if (body && field)
			need = (size_t)(body + 4 - text) + strtoul(field + 17, NULL, 10);
	} while (need == 0 || len < need);
	if (!body || !strstr(body, "\"status\":\"ok\""))
		die(text);
}

static void
run_over_http(const char *code)
{
	char text[512];
	int n = snprintf(text, sizeof text, "POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n{\"code\":\"%s\"}", strlen(code) + 11, code);

	if (write(http, text, (size_t)n) != n)
		die("request");
	http_read_answer();
}

/* ---- bare ---- */

static void
bare_connect(const char *file)
{
	static const char *const ports[] = { "shell_port", "iopub_port" };
	struct buf text = BUF_INIT, ip = BUF_INIT, key = BUF_INIT, at = BUF_INIT;
	void *zmq = zmq_ctx_new(), *s[2];
	struct json_error err;
	struct json conf, v;
	int64_t port;

	if (buf_read_file(&text, file, ANSWER_MAX) < 0 || json_scan(buf_str(&text), text.len, 0, &conf, &err) < 0 ||
	    !json_get(conf, "ip", &v) || json_text(v, &ip) < 0 || !json_get(conf, "key", &v) || json_text(v, &key) < 0)
		die(file);
	wire = wire_new(buf_str(&key), "bench");
	for (int i = 0; i < 2; i++) {
		s[i] = zmq_socket(zmq, i == 0 ? ZMQ_DEALER : ZMQ_SUB);
		if (!json_get(conf, ports[i], &v) || json_int(v, 1, 65535, &port) < 0)
			die(ports[i]);
		buf_reset(&at);
		buf_printf(&at, "ipc://%s-%d", buf_str(&ip), (int)port);
		if (i == 1)
			zmq_setsockopt(s[i], ZMQ_SUBSCRIBE, "", 0);
		if (zmq_connect(s[i], buf_str(&at)) < 0)
			die(buf_str(&at));
	}
	shell = s[0];
	iopub = s[1];
	buf_release(&text);
	buf_release(&ip);
	buf_release(&key);
	buf_release(&at);
}

static void
bare_send(const char *code, char id[WIRE_ID_MAX])
{
	struct wire_out out = WIRE_OUT_INIT;
	struct buf text = BUF_INIT, content = BUF_INIT;

	json_put_str(&text, code);
	wire_put_execute(&content, buf_str(&text), text.len, false, true, false);
	if (wire_encode(wire, "execute_request", NULL, 0, content.data, content.len, &out) < 0)
		die("message");
	memcpy(id, out.id, WIRE_ID_MAX);
	for (int i = 0; i < WIRE_OUT_FRAMES; i++)
		zmq_send(shell, out.frame[i].data, out.frame[i].len, i < WIRE_OUT_FRAMES - 1 ? ZMQ_SNDMORE : 0);
	wire_out_release(&out);
	buf_release(&text);
	buf_release(&content);
}

/* One message; is it of `type` (and state idle, where it is a status), in answer to id? */
static bool
bare_take(void *socket, const char *type, const char *id)
{
	struct wire_frame frame[WIRE_FRAMES_MAX];
	zmq_msg_t part[WIRE_FRAMES_MAX];
	struct wire_msg msg;
	struct json state;
	size_t n = 0;
	bool found;

	do {
		zmq_msg_init(&part[n]);
		if (zmq_msg_recv(&part[n], socket, 0) < 0)
			die("receive");
		frame[n] = (struct wire_frame){ zmq_msg_data(&part[n]), zmq_msg_size(&part[n]) };
	} while (zmq_msg_more(&part[n++]) && n < WIRE_FRAMES_MAX);
	found = wire_decode(wire, frame, n, &msg) == 0 && json_equals(msg.type, type) &&
	    msg.parent_id.len > 0 && json_equals(msg.parent_id, id) &&
	    (!json_get(msg.content, "execution_state", &state) || json_equals(state, "idle"));
	for (size_t i = 0; i < n; i++)
		zmq_msg_close(&part[i]);
	return found;
}

static void
run_bare(const char *code)
{
	char id[WIRE_ID_MAX];
	bool replied = false, idle = false;

	bare_send(code, id);
	while (!replied || !idle) {
		zmq_pollitem_t item[] = { { shell, 0, ZMQ_POLLIN, 0 }, { iopub, 0, ZMQ_POLLIN, 0 } };

		if (zmq_poll(item, 2, 60000) <= 0)
			die("no answer");
		if (item[0].revents)
			replied |= bare_take(shell, "execute_reply", id);
		if (item[1].revents)
			idle |= bare_take(iopub, "status", id);
	}
}

/* ---- both ---- */

static int
by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
p50(int64_t *ns, size_t n)
{
	qsort(ns, n, sizeof *ns, by_size);
	n /= 2;
	return (double)ns[n] / 1000;
}

static void
measure(const char *code, size_t rounds)
{
	void (*const way[])(const char *code) = { run_over_http, run_bare };
	int64_t *ns[2], t;
	double a, b;

	for (int w = 0; w < 2; w++)
		if ((ns[w] = calloc(rounds * BATCH, sizeof **ns)) == NULL)
			die("memory");
	for (int i = 0; i < WARM; i++)
		way[i % 2](code);
	for (size_t r = 0; r < rounds; r++)
		for (int w = 0; w < 2; w++)
			for (size_t i = 0; i < BATCH; i++) {
				t = clock_mono_ns();
				way[w](code);
				ns[w][r * BATCH + i] = clock_mono_ns() - t;
			}
	a = p50(ns[0], rounds * BATCH);
	b = p50(ns[1], rounds * BATCH);
	printf("{\"bench\":\"cell\",\"code\":\"%s\",\"p50_us\":%.0f,\"against\":\"bare libzmq\",\"against_us\":%.0f,"
	    "\"ratio\":%.3f,\"limit\":%.1f}\n", code, a, b, a / b, LIMIT);
	fflush(stdout);
	free(ns[0]);
	free(ns[1]);
}

int
main(int argc, char **argv)
{
	size_t rounds = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;

	if (rounds == 0) {
		fprintf(stderr, "usage: cell PORT CONNECTION_FILE ROUNDS\n");
		return 64;
	}
	http_connect(argv[1]);
	bare_connect(argv[2]);
	measure("pass", rounds);
	measure("print(42)", rounds);
	return 0;
}
