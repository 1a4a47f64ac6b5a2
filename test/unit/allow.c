/* allow - default gateways, by samples of /proc/net/route. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../executor/jupyter/allow.h"

#define HEAD "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

/* An address as the kernel prints it on this machine. */
static const char *
hex(const char *address)
{
	static char text[4][16];
	static unsigned turn;
	struct in_addr a;

	assert_int_equal(inet_pton(AF_INET, address, &a), 1);
	turn = (turn + 1) % 4;
	snprintf(text[turn], sizeof text[turn], "%08X", a.s_addr);
	return text[turn];
}

static void
default_routes_name_their_gateways(void **state)
{
	char text[1024], shown[INET_ADDRSTRLEN];
	struct in_addr got[2];

	(void)state;
	snprintf(text, sizeof text, HEAD "eth0\t00000000\t%s\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
	    "eth0\t%s\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
	    "eth1\t00000000\t%s\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", hex("172.17.0.1"), hex("172.17.0.0"), hex("10.0.0.254"));
	assert_int_equal(allow_gateways(text, got, 2), 2);
	assert_string_equal(inet_ntop(AF_INET, &got[0], shown, sizeof shown), "172.17.0.1");
	assert_string_equal(inet_ntop(AF_INET, &got[1], shown, sizeof shown), "10.0.0.254");
	assert_int_equal(allow_gateways(text, got, 1), 1);
}

static void
other_routes_name_none(void **state)
{
	static const char *const texts[] = {
		"", HEAD, HEAD "eth0", HEAD "\n\n\n", "eth0\t00000000\t010011AC\t0003",	/* the first line is the head */
		HEAD "eth0\t00000000\t00000000\t0001\t0\n",		/* a device, no gateway */
		HEAD "eth0\t00000000\t010011AC\t0001\t0\n",		/* not marked as one */
		HEAD "eth0\t000011AC\t010011AC\t0003\t0\n",		/* to some network only */
		HEAD "eth0\tzzzzzzzz\t010011AC\t0003\t0\n",
	};
	struct in_addr got[1];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (allow_gateways(texts[i], got, 1) != 0)
			fail_msg("%zu: %s", i, texts[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_routes_name_their_gateways),
		cmocka_unit_test(other_routes_name_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
