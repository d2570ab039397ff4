// SPDX-License-Identifier: GPL-2.0
// requests.js URL COUNT FLYING [BYTES]: requests of HTTP/2 on one connection, so many in flight,
// with a body of so many bytes. Fails where one of them does.
const http2 = require('http2');
const [, , url, count, flying, bytes] = process.argv;
const {origin, pathname} = new URL(url);
const c = http2.connect(origin, {rejectUnauthorized: false});
const body = +bytes ? Buffer.alloc(+bytes, 'x') : undefined;
let sent = 0, done = 0;
function one() {
	if (sent++ >= +count) return;
	const r = c.request({':path': pathname, ':method': body ? 'POST' : 'GET'});
	r.on('data', () => {});
	r.on('end', () => { if (++done == +count) c.close(); else one(); });
	r.end(body);
}
for (let i = 0; i < +flying; i++) one();
process.on('exit', () => { if (done != +count) process.exitCode = 1; });
