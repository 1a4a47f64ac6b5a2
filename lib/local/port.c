/* port - the port of a manager that is to be started; see port.h. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "local/port.h"

int
port_try(uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof a;
	int one = 1, fd, r = 0;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, 1) < 0 || getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		r = -errno;
	else
		*ret_port = ntohs(a.sin_port);
	close(fd);
	return r;
}
