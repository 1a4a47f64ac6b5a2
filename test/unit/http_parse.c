/* http_parse: messages and what becomes of them, whole and byte by byte. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "http/http_parse.h"

#define HEADER_MAX 512
#define URL_MAX 64

#define H "Host: a\r\n"

struct a_case {
	const char	*input;
	const char	*expected;	/* see dump_head(); body bytes in [], END after a message, MORE, or the refusal */
};

static const struct a_case requests[] = {
	/* what is fine */
	{ "GET / HTTP/1.1\r\n" H "\r\n", "GET / 1.1 keep Host=a END MORE" },
	{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / 1.1 keep Host= END MORE" },
	{ "GET / HTTP/1.0\r\n\r\n", "GET / 1.0 close END MORE" },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / 1.0 keep Connection=keep-alive END MORE" },
	{ "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "GET / 1.1 close Host=a Connection=close END MORE" },
	{ "GET / HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\n", "GET / 1.1 close Host=a Connection=x, Close END MORE" },
	{ "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "GET / 1.1 keep Host=a END MORE" },
	{ "GET /a?b=%20c HTTP/1.1\r\n" H "A:  b c \t \r\nB:\tx\r\nC:\r\n\r\n",
	    "GET /a?b=%20c 1.1 keep Host=a A=b c B=x C= END MORE" },
	{ "GET / HTTP/1.1\r\nHost: a:80\r\nX: \x80\xff\r\n\r\n", "GET / 1.1 keep Host=a:80 X=\x80\xff END MORE" },
	{ "GET / HTTP/1.1\r\nHost: [::1]:5000\r\n\r\n", "GET / 1.1 keep Host=[::1]:5000 END MORE" },
	{ "POST /x HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc",
	    "POST /x 1.1 keep length 3 Host=a Content-Length=3 [abc] END MORE" },
	{ "POST /x HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", "POST /x 1.1 keep Host=a Content-Length=0 END MORE" },
	{ "POST /x HTTP/1.1\r\n" H "content-length: 3\r\n\r\nab", "POST /x 1.1 keep length 3 Host=a content-length=3 [ab] MORE" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-Continue\r\n\r\n",
	    "POST / 1.1 keep expect length 3 Host=a Content-Length=3 Expect=100-Continue MORE" },
	{ "GET / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n", "GET / 1.1 keep Host=a Expect=100-continue END MORE" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
	    "POST / 1.1 keep chunked Host=a Transfer-Encoding=Chunked [abc0123456789] END MORE" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: x\r\nU:y\r\n\r\n",
	    "POST / 1.1 keep chunked Host=a Transfer-Encoding=chunked [abc] END MORE" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n000a\r\n01234567",
	    "POST / 1.1 keep chunked Host=a Transfer-Encoding=chunked [01234567] MORE" },
	/* one after the other */
	{ "GET /1 HTTP/1.1\r\n" H "\r\nPOST /2 HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nxGET /3 HTTP/1.1\r\n" H "\r\n",
	    "GET /1 1.1 keep Host=a END POST /2 1.1 keep length 1 Host=a Content-Length=1 [x] END GET /3 1.1 keep Host=a END MORE" },
	{ "GET /1 HTTP/1.1\r\n" H "Connection: close\r\n\r\nGET /2 HTTP/1.1\r\n" H "\r\n",
	    "GET /1 1.1 close Host=a Connection=close END GET /2 1.1 keep Host=a END MORE" },
	/* methods: any token, its case kept */
	{ "get / HTTP/1.1\r\n" H "\r\n", "get / 1.1 keep Host=a END MORE" },
	{ "BREW! / HTTP/1.1\r\n" H "\r\n", "BREW! / 1.1 keep Host=a END MORE" },
	{ "PRI / HTTP/1.1\r\n" H "\r\n", "PRI / 1.1 keep Host=a END MORE" },
	{ "SOURCE / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx", "SOURCE / 1.1 keep length 1 Host=a Content-Length=1 [x] END MORE" },
	{ "CONNECT a:1 HTTP/1.1\r\n" H "\r\n", "CONNECT a:1 1.1 keep Host=a END MORE" },
	{ "OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS * 1.1 keep Host=a END MORE" },
	{ "GET * HTTP/1.1\r\n" H "\r\n", "400 Invalid request target" },
	{ "GE(T / HTTP/1.1\r\n" H "\r\n", "400 Invalid method" },
	{ "G\x80T / HTTP/1.1\r\n" H "\r\n", "400 Invalid method" },
	{ " GET / HTTP/1.1\r\n" H "\r\n", "400 Invalid method" },
	{ "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ / HTTP/1.1\r\n" H "\r\n", "400 Invalid method" },
	/* another protocol is not switched to */
	{ "GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n",
	    "GET / 1.1 keep Host=a Connection=Upgrade Upgrade=h2c END GET / 1.1 keep Host=a END MORE" },
	{ "POST / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nabGET / HTTP/1.1\r\n" H "\r\n",
	    "POST / 1.1 keep length 2 Host=a Connection=Upgrade Upgrade=x Content-Length=2 [ab] END GET / 1.1 keep Host=a END MORE" },
	/* absolute form */
	{ "GET http://a/x HTTP/1.1\r\n" H "\r\n", "GET /x 1.1 keep Host=a END MORE" },
	{ "GET HTTP://A HTTP/1.1\r\n" H "\r\n", "GET / 1.1 keep Host=a END MORE" },
	{ "GET http://a?x HTTP/1.1\r\n" H "\r\n", "GET /?x 1.1 keep Host=a END MORE" },
	{ "GET http://b/x HTTP/1.1\r\n" H "\r\n", "400 The request target names another host" },
	{ "GET http://a:80/x HTTP/1.1\r\n" H "\r\n", "400 The request target names another host" },
	{ "GET http:///x HTTP/1.1\r\nHost:\r\n\r\n", "400 The request target names another host" },
	{ "GET http://u@a/x HTTP/1.1\r\nHost: u@a\r\n\r\n", "400 Invalid Host" },
	{ "GET https://a/x HTTP/1.1\r\n" H "\r\n", "400 Invalid request target" },
	{ "GET x HTTP/1.1\r\n" H "\r\n", "400" },
	/* Host */
	{ "GET / HTTP/1.1\r\n\r\n", "400 Request without a Host" },
	{ "GET / HTTP/1.1\r\n" H H "\r\n", "400 More than one Host" },
	{ "GET / HTTP/1.0\r\n" H H "\r\n", "400 More than one Host" },
	{ "GET / HTTP/1.1\r\nHost: \r\n" H "\r\n", "400 More than one Host" },
	{ "GET / HTTP/1.1\r\n" H "A: \r\nB:\r\nC: c\r\n\r\n", "GET / 1.1 keep Host=a A= B= C=c END MORE" },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400 Invalid Host" },
	{ "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400 Invalid Host" },
	{ "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "400 Invalid Host" },
	/* versions */
	{ "GET /\r\n\r\n", "400" },
	{ "GET / HTTP/0.9\r\n" H "\r\n", "400" },
	{ "GET / HTTP/1.2\r\n" H "\r\n", "400" },
	{ "GET / HTTP/2.0\r\n" H "\r\n", "400" },
	{ "GET / HTTP/1.10\r\n" H "\r\n", "400" },
	{ "GET / HTTP/4294967297.1\r\n" H "\r\n", "400" },
	{ "GET / http/1.1\r\n" H "\r\n", "400" },
	{ "GET / RTSP/1.0\r\n" H "\r\n", "400" },
	{ "SOURCE / ICE/1.0\r\n" H "\r\n", "400" },
	{ "GET  / HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET /  HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET / HTTP/1.1 \r\n" H "\r\n", "400" },
	{ "GET /a b HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET\t/ HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET /#f HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET /\x80 HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET HTTP/1.1\r\n" H "\r\n", "400" },
	/* lengths */
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", "400" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", "400" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", "400" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 1,1\r\n\r\nx", "400" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\nx", "400" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\nx", "400" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\nx", "400" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 1 1\r\n\r\nx", "400" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", "400" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: \r\n\r\n", "400" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\n", "400" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 9999999999999999999\r\n\r\n", "400" },
	/* transfer codings */
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "400" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "400" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "400" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "400" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n0\r\n\r\n", "400" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
	{ "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\n", "400" },
	{ "POST / HTTP/1.1\r\n" H " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 Obsolete line folding" },
	/* lines of a header */
	{ "GET / HTTP/1.1\r\n" H "A : b\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\n" H "A\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\n" H ": b\r\n\r\n", "400 Header field without a name" },
	{ "GET / HTTP/1.1\r\n" H ":\r\n\r\n", "400 Header field without a name" },
	{ "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", "400 Obsolete line folding" },
	{ "GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n", "400 Obsolete line folding" },
	{ "GET / HTTP/1.1\r\n A: b\r\n" H "\r\n", "400 Obsolete line folding" },
	{ "GET / HTTP/1.1\n" H "\r\n", "400 A line of the header ends without CR" },
	{ "GET / HTTP/1.1\r\nHost: a\n\r\n", "400 A line of the header ends without CR" },
	{ "GET / HTTP/1.1\r\n" H "\n", "400 A line of the header ends without CR" },
	{ "GET / HTTP/1.1\r\n" H "A: b\rC: d\r\n\r\n", "400 CR without LF in the header" },
	{ "GET / HTTP/1.1\r\n" H "A: b\r\r\n\r\n", "400 CR without LF in the header" },
	{ "GET / HTTP/1.1\r\n" H "A: b\x01\r\n\r\n", "400 Control character in the header" },
	{ "GET / HTTP/1.1\r\n" H "A: b\x7f\r\n\r\n", "400 Control character in the header" },
	{ "GET / HTTP/1.1\r\n" H "A(: b\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\n" H "A\x80: b\r\n\r\n", "400" },
	{ "\x16\x03\x01\x02", "400 Control character in the header" },
	/* chunks */
#define CHUNKED "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_HEAD "POST / 1.1 keep chunked Host=a Transfer-Encoding=chunked "
	{ CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "+3\r\nabc\r\n0\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "-1\r\nabc\r\n0\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "\r\nabc\r\n0\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED " 3\r\nabc\r\n0\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "3 \r\nabc\r\n0\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "3 ;a\r\nabc\r\n0\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "00000000000000003\r\nabc\r\n0\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "fffffffffffffffff\r\nabc\r\n0\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "3\nabc\r\n0\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "3\rabc\r\n0\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "3;a\rb\r\nabc\r\n0\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "3;a\nb\r\nabc\r\n0\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "3;a\x01\r\nabc\r\n0\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "3\r\nabcX\r\n0\r\n\r\n", CHUNKED_HEAD "[abc] 400" },
	{ CHUNKED "3\r\nabc\n0\r\n\r\n", CHUNKED_HEAD "[abc] 400" },
	{ CHUNKED "3\r\nabc0\r\n\r\n", CHUNKED_HEAD "[abc] 400" },
	{ CHUNKED "0\r\nA: b\r\n c\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "0\r\nA: b\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "0\r\nA: b\rX\r\n\r\n", CHUNKED_HEAD "400" },
	{ CHUNKED "0\r\n\n", CHUNKED_HEAD "400" },
};

static const struct a_case answers[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 1.1 keep length 2 Content-Length=2 [hi] END MORE" },
	{ "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", "200 1.1 keep length 2 Content-Length=2 [hi] END MORE" },
	{ "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n", "299 1.1 keep Content-Length=0 END MORE" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
	    "200 1.1 keep chunked Transfer-Encoding=chunked [hi] END MORE" },
	{ "HTTP/1.1 200 OK\r\n\r\nhi", "200 1.1 close to-close [hi] MORE" },
	{ "HTTP/1.0 200 OK\r\n\r\nhi", "200 1.0 close to-close [hi] MORE" },
	{ "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n",
	    "204 1.1 keep END 304 1.1 keep Content-Length=9 END MORE" },
	{ "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "204 1.1 keep Transfer-Encoding=chunked END MORE" },
	{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	    "100 1.1 keep END 200 1.1 keep Content-Length=0 END MORE" },
	{ "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n", "101 1.1 keep Connection=upgrade Upgrade=y END MORE" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", "400" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", "400" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nhi", "400" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhi", "400" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nhi", "400" },
	{ "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "400 Obsolete line folding" },
	{ "HTTP/1.1 2000 OK\r\n\r\n", "" },
	{ "HTTP/1.1 20 OK\r\n\r\n", "" },
	{ "HTTP/1.1 099 OK\r\n\r\n", "" },
	{ "HTTP/1.1  200 OK\r\n\r\n", "" },
	{ "HTTP/2 200 OK\r\n\r\n", "" },
	{ "HTTP/1.2 200 OK\r\n\r\n", "" },
	{ "\r\nHTTP/1.1 200 OK\r\n\r\n", "" },
	{ "ICY 200 OK\r\n\r\n", "" },
	{ "220 smtp.example.org ESMTP\r\n", "MORE" },
	{ "220 smtp.example.org ESMTP\r\n\r\n", "" },
	{ "SSH-2.0-OpenSSH_9.2\r\n\r\n", "" },
	{ "<html>\n", "" },
};

static const struct a_case answers_to_head[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
	    "200 1.1 keep Content-Length=2 END 200 1.1 keep END MORE" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 1.1 keep Transfer-Encoding=chunked END MORE" },
};

struct seen {
	struct buf	out;
	bool		in_body;
};

static void
on_data(void *arg, const char *bytes, size_t len)
{
	struct seen *s = arg;

	if (!s->in_body)
		buf_putc(&s->out, '[');
	s->in_body = true;
	buf_add(&s->out, bytes, len);
}

static void
close_body(struct seen *s)
{
	if (s->in_body)
		buf_puts(&s->out, "] ");
	s->in_body = false;
}

static void
dump_head(struct seen *s, const struct http_head *h)
{
	if (h->method != NULL)
		buf_printf(&s->out, "%s %s", h->method, h->target);
	else
		buf_printf(&s->out, "%d", h->status);
	buf_printf(&s->out, " 1.%d %s ", h->minor, h->keep_alive ? "keep" : "close");
	if (h->expect_continue)
		buf_puts(&s->out, "expect ");
	switch (h->body) {
	case HTTP_BODY_NONE:
		break;
	case HTTP_BODY_LENGTH:
		buf_printf(&s->out, "length %llu ", (unsigned long long)h->length);
		break;
	case HTTP_BODY_CHUNKED:
		buf_puts(&s->out, "chunked ");
		break;
	case HTTP_BODY_TO_CLOSE:
		buf_puts(&s->out, "to-close ");
		break;
	}
	for (size_t i = 0; i < h->nfields; i++)
		buf_printf(&s->out, "%s=%s ", h->fields[i].name, h->fields[i].value);
}

/* What becomes of the input, given in pieces of `piece` bytes. */
static void
run(struct seen *s, enum http_side side, bool to_head, const char *input, size_t len, size_t piece)
{
	struct http_parser *p = http_parser_new(side, HEADER_MAX, URL_MAX, on_data, s);
	size_t at = 0, used;
	int got = HTTP_GOT_MORE;

	assert_non_null(p);
	http_parser_next(p, to_head);
	while (got >= 0 && (at < len || got != HTTP_GOT_MORE)) {
		size_t n = len - at < piece ? len - at : piece;
		char *copy = malloc(n > 0 ? n : 1);	/* its own, so that a read beyond it is seen */

		memcpy(copy, input + at, n);
		got = http_parser_run(p, copy, n, &used);
		free(copy);
		assert_true(used <= n);
		assert_true(got != HTTP_GOT_MORE || used == n);
		at += used;
		if (got == HTTP_GOT_HEAD) {
			dump_head(s, http_parser_head(p));
		} else if (got == HTTP_GOT_END) {
			close_body(s);
			buf_puts(&s->out, "END ");
			http_parser_next(p, to_head);
		}
	}
	close_body(s);
	if (got < 0) {
		assert_int_equal(got, -EPROTO);
		buf_printf(&s->out, "%d %s", http_parser_status(p), http_parser_why(p));
		assert_int_equal(http_parser_run(p, "x", 1, &used), -EPROTO);
	} else {
		buf_puts(&s->out, "MORE");
	}
	http_parser_free(&p);
}

static bool
ends_in_status(const char *s)
{
	size_t n = strlen(s);

	return n >= 3 && strcmp(s + n - 3, "400") == 0;
}

/* A refusal without a sentence is expected whatever the sentence is; "" is any refusal. */
static bool
matches(const char *got, const char *expected)
{
	if (expected[0] == '\0')
		return strstr(got, "MORE") == NULL;
	if (ends_in_status(expected))
		return strncmp(got, expected, strlen(expected)) == 0 && strstr(got, "MORE") == NULL;
	return strcmp(got, expected) == 0;
}

static void
check(enum http_side side, bool to_head, const struct a_case *c)
{
	static const size_t pieces[] = { SIZE_MAX, 1, 2, 3, 7 };
	struct seen whole = { BUF_INIT, false };

	run(&whole, side, to_head, c->input, strlen(c->input), SIZE_MAX);
	if (!matches(buf_str(&whole.out), c->expected))
		fail_msg("%s\n  gave     %s\n  expected %s", c->input, buf_str(&whole.out), c->expected);
	for (size_t i = 1; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct seen cut = { BUF_INIT, false };

		run(&cut, side, to_head, c->input, strlen(c->input), pieces[i]);
		if (strcmp(buf_str(&cut.out), buf_str(&whole.out)) != 0)
			fail_msg("%s\n  in pieces of %zu gave %s\n  and whole %s", c->input, pieces[i], buf_str(&cut.out),
			    buf_str(&whole.out));
		buf_release(&cut.out);
	}
	buf_release(&whole.out);
}

#define CHECK_ALL(side, to_head, cases) \
	for (size_t i = 0; i < sizeof(cases) / sizeof((cases)[0]); i++) \
		check(side, to_head, &(cases)[i])

static void
test_requests(void **state)
{
	(void)state;
	CHECK_ALL(HTTP_REQUESTS, false, requests);
}

static void
test_answers(void **state)
{
	(void)state;
	CHECK_ALL(HTTP_ANSWERS, false, answers);
	CHECK_ALL(HTTP_ANSWERS, true, answers_to_head);
}

static void
test_nul(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n";
	struct seen s = { BUF_INIT, false };

	(void)state;
	run(&s, HTTP_REQUESTS, false, text, sizeof(text) - 1, SIZE_MAX);
	assert_string_equal(buf_str(&s.out), "400 Control character in the header");
	buf_release(&s.out);
}

/* head + n times `what` + tail: refused with `status`, whole and cut, or taken where it is 0. */
static void
check_size(const char *head, const char *what, size_t n, const char *tail, int status)
{
	for (size_t piece = 1; piece < 2000; piece = piece * 3 + 1) {
		struct buf in = BUF_INIT;
		struct seen s = { BUF_INIT, false };
		char expected[8];

		buf_puts(&in, head);
		for (size_t i = 0; i < n; i++)
			buf_puts(&in, what);
		buf_puts(&in, tail);
		run(&s, HTTP_REQUESTS, false, in.data, in.len, piece);
		snprintf(expected, sizeof(expected), "%d ", status);
		if (status != 0)
			assert_memory_equal(strstr(buf_str(&s.out), expected) != NULL ? expected : buf_str(&s.out), expected, 4);
		else
			assert_non_null(strstr(buf_str(&s.out), "MORE"));
		buf_release(&in);
		buf_release(&s.out);
	}
}

static void
test_caps(void **state)
{
	(void)state;
	check_size("GET /", "x", URL_MAX - 1, " HTTP/1.1\r\n" H "\r\n", 0);
	check_size("GET /", "x", URL_MAX, " HTTP/1.1\r\n" H "\r\n", 414);
	check_size("GET /", "x", 10000, " HTTP/1.1\r\n" H "\r\n", 414);
	check_size("GET /", "x", 10000, "", 414);
	check_size("GET /", "x", HEADER_MAX + 1, "", 414);
	check_size("GET / HTTP/1.1\r\n" H "A: ", "x", HEADER_MAX - 32, "\r\n\r\n", 0);
	check_size("GET / HTTP/1.1\r\n" H "A: ", "x", HEADER_MAX - 31, "\r\n\r\n", 431);
	check_size("GET / HTTP/1.1\r\n" H "A: ", "x", 100000, "", 431);
	check_size("GET / HTTP/1.1\r\n" H, "A:\r\n", 10000, "\r\n", 431);
	check_size(CHUNKED "1;", "x", 300, "\r\nx\r\n0\r\n\r\n", 400);
	check_size(CHUNKED "0\r\n", "A: b\r\n", 1000, "\r\n", 431);
	check_size("", "\r\n", 1000, "GET / HTTP/1.1\r\n" H "\r\n", 0);
}

static void
test_field_cap(void **state)
{
	struct http_parser *p = http_parser_new(HTTP_REQUESTS, 1 << 20, 64, on_data, NULL);
	struct buf in = BUF_INIT;
	size_t used;

	(void)state;
	buf_puts(&in, "GET / HTTP/1.1\r\n" H);
	for (int i = 0; i < 10000; i++)
		buf_puts(&in, "A:\r\n");
	buf_puts(&in, "\r\n");
	assert_int_equal(http_parser_run(p, in.data, in.len, &used), -EPROTO);
	assert_int_equal(http_parser_status(p), 431);
	buf_release(&in);
	http_parser_free(&p);
}

static void
test_eof(void **state)
{
	static const struct { const char *input; int expected; } cases[] = {
		{ "", 0 },
		{ "HTTP/1.1 200 OK\r\n\r\nabc", 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", -ECONNRESET },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", -ECONNRESET },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", -ECONNRESET },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0 },
		{ "HTTP/1.1 200", -ECONNRESET },
		{ "\x01", -EPROTO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen s = { BUF_INIT, false };
		struct http_parser *p = http_parser_new(HTTP_ANSWERS, HEADER_MAX, 0, on_data, &s);
		size_t at = 0, used, len = strlen(cases[i].input);
		int got;

		do {
			got = http_parser_run(p, cases[i].input + at, len - at, &used);
			at += used;
		} while (got == HTTP_GOT_HEAD);
		assert_int_equal(http_parser_eof(p), cases[i].expected);
		buf_release(&s.out);
		http_parser_free(&p);
	}
}

static void
test_hop(void **state)
{
	static const struct http_field fields[] = {
		{ "Connection", "close, X-Mine" }, { "connection", "x-other" }, { "X-Mine", "1" },
	};
	struct http_head h = { .fields = fields, .nfields = 3 };

	(void)state;
	assert_true(http_head_is_hop(&h, "connection"));
	assert_true(http_head_is_hop(&h, "Transfer-Encoding"));
	assert_true(http_head_is_hop(&h, "Proxy-Authorization"));
	assert_true(http_head_is_hop(&h, "TE"));
	assert_true(http_head_is_hop(&h, "Expect"));
	assert_true(http_head_is_hop(&h, "x-mine"));
	assert_true(http_head_is_hop(&h, "X-Other"));
	assert_false(http_head_is_hop(&h, "X-Min"));
	assert_false(http_head_is_hop(&h, "X-Mine2"));
	assert_false(http_head_is_hop(&h, "Content-Type"));
	assert_string_equal(http_head_get(&h, "x-mine"), "1");
	assert_null(http_head_get(&h, "x"));
}

static void
test_quality(void **state)
{
	static const struct { const char *accept, *type; int q; } cases[] = {
		{ "application/x-ndjson", "application/x-ndjson", 1000 },
		{ "text/html, Application/X-NDJSON ; charset=utf-8; q=0.5", "application/x-ndjson", 500 },
		{ "application/json;q=0.25,application/json", "application/json", 1000 },
		{ "application/json; Q=1.7", "application/json", 1000 }, { "a/b;q=0", "a/b", 0 }, { "a/b;q=0.0004", "a/b", 0 },
		{ "a/b;q=", "a/b", 1000 }, { "a/b;qq=0", "a/b", 1000 }, { "a/bc", "a/b", 0 }, { "a/", "a/b", 0 }, { "*/*", "a/b", 0 },
		{ "", "a/b", 0 }, { ",,;q=1,", "a/b", 0 }, { "a/b;q=.5", "a/b", 500 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct http_field fields[] = { { "X", "a/b" }, { "accept", cases[i].accept } };
		struct http_head h = { .fields = fields, .nfields = 2 };

		if (http_head_quality(&h, cases[i].type) != cases[i].q)
			fail_msg("%s: %d", cases[i].accept, http_head_quality(&h, cases[i].type));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_field_cap),
		cmocka_unit_test(test_eof),
		cmocka_unit_test(test_hop),
		cmocka_unit_test(test_quality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
