#!/usr/bin/env node
/*
 * executor.js - an executor of one's own: the contract of executor/README.md in Node.js, without any dependency.
 *
 *     docker build -t custom share/examples/custom_executor
 *     gen-compose -t custom:2 && docker compose up -d --wait
 *
 * Code runs in a child process, so that neither an endless loop nor process.exit() takes the HTTP server with it; its global
 * variables last between calls.  /restart kills the child and starts a new one.  What comes meanwhile waits for its turn.
 */
'use strict';

if (process.argv[2] === '--kernel')
	kernel();
else
	server();

/* ---- the child: runs code, one message at a time ---- */

function kernel() {
	const { inspect } = require('util');
	const vm = require('vm');
	let outputs = [];

	const say = name => text => {
		const last = outputs[outputs.length - 1];
		if (last && last.type === 'stream' && last.name === name)
			last.text += text;
		else
			outputs.push({ type: 'stream', name, text: String(text) });
		return true;
	};
	process.stdout.write = say('stdout');
	process.stderr.write = say('stderr');
	globalThis.require = require;

	async function run(code) {
		try {
			return await vm.runInThisContext(code, { filename: 'cell.js' });
		} catch (e) {
			/* "await" on the top level is no script; in a function it is one, whose variables do not last. */
			if (!(e instanceof SyntaxError) || !/\bawait\b/.test(code))
				throw e;
			return vm.runInThisContext(`(async () => {\n${code}\n})()`, { filename: 'cell.js' });
		}
	}

	process.on('message', async ({ code }) => {
		outputs = [];
		try {
			const value = await run(code);
			if (value !== undefined)
				outputs.push({ type: 'result', data: { 'text/plain': inspect(value) }, metadata: {} });
		} catch (e) {
			outputs.push({ type: 'error', name: e?.name ?? 'Error', value: String(e?.message ?? e),
				traceback: String(e?.stack ?? e).split('\n') });
		}
		process.send({ outputs });
	});
	process.send({ ready: true });
}

/* ---- the parent: HTTP, the queue, and the child's life ---- */

function server() {
	const { fork } = require('child_process');
	const http = require('http');
	const BODY_MAX = 32 << 20;
	const LIMIT_MS = 1000 * (Number(process.env.EXECUTION_TIMEOUT) || 180);
	const queue = [];
	let child, running, ready = false, restarting = false;

	function start() {
		const self = fork(__filename, ['--kernel']);

		child = self;
		ready = false;
		self.on('message', message => {
			if (message.ready) {
				ready = true;
				restarting = false;
			} else if (running)
				finish(message.outputs);
			next();
		});
		self.on('exit', (code, signal) => {
			if (child !== self)
				return;
			if (running)
				finish([{ type: 'error', name: 'KernelDied', traceback: [],
					value: signal ? `killed by ${signal}` : `exited with status ${code}` }]);
			setTimeout(start, restarting ? 0 : 200);
		});
	}

	function finish(outputs) {
		const { answer, timer } = running;

		clearTimeout(timer);
		running = null;
		answer(200, { outputs });
	}

	function next() {
		if (!ready || running || queue.length === 0)
			return;
		running = queue.shift();
		running.timer = setTimeout(() => {
			finish([{ type: 'error', name: 'TimeoutError', traceback: [],
				value: `Execution timed out after ${LIMIT_MS / 1000} seconds` }]);
			restart();
		}, LIMIT_MS);
		child.send({ code: running.code });
	}

	function restart() {
		if (restarting)
			return false;
		restarting = true;
		ready = false;
		child.kill('SIGKILL');
		return true;
	}

	function execute(body, answer) {
		let code;

		try {
			code = JSON.parse(body)?.code;
		} catch (e) {
			return answer(400, { detail: 'The body is not JSON', error: 'bad_request' });
		}
		if (typeof code !== 'string')
			return answer(400, { detail: 'Member code is missing or no string', error: 'bad_request' });
		queue.push({ code, answer });
		next();
	}

	const routes = {
		'/health': ['GET', (body, answer) => answer(200, { status: 'ok' })],
		'/ready': ['GET', (body, answer) => answer(200, { ready, reason: ready ? null : 'kernel_starting' })],
		'/restart-status': ['GET', (body, answer) => answer(200, { restarting })],
		'/execute': ['POST', execute],
		'/restart': ['POST', (body, answer) => answer(200, { status: restart() ? 'restarting' : 'already_restarting' })],
	};

	const listener = http.createServer((req, res) => {
		const [method, handle] = routes[req.url.split('?')[0]] ?? [];
		const pieces = [];
		let size = 0;

		function answer(status, value, headers) {
			const text = JSON.stringify(value);

			res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text), ...headers });
			res.end(req.method === 'HEAD' ? undefined : text);
		}

		if (!handle)
			return answer(404, { detail: 'There is nothing here', error: 'not_found' });
		if (req.method !== method && !(method === 'GET' && req.method === 'HEAD'))
			return answer(405, { detail: 'This method is not allowed here', error: 'method_not_allowed' }, { Allow: method });
		req.on('data', piece => {
			size += piece.length;
			if (size <= BODY_MAX)
				pieces.push(piece);
		});
		req.on('end', () => {
			if (size > BODY_MAX)
				answer(413, { detail: 'The body is larger than 32 MiB', error: 'too_large' });
			else
				handle(Buffer.concat(pieces).toString(), answer);
		});
		/* A caller that has left: its code is not run if it still waits. */
		res.on('close', () => {
			const at = queue.findIndex(waiting => waiting.answer === answer);

			if (at >= 0)
				queue.splice(at, 1);
		});
	});

	for (const signal of ['SIGTERM', 'SIGINT'])
		process.on(signal, () => {
			child.kill('SIGKILL');
			process.exit(0);
		});
	start();
	listener.listen(process.env.EXECUTOR_SOCKET || Number(process.env.PORT) || 8432);
}
