// One WebSocket of npm's `ws`, at either end, that does what a test says: a line of JSON asks, a line of JSON answers.
import { createInterface } from "node:readline";
import WebSocket, { WebSocketServer } from "ws";

let socket, server, ended, offered;
const messages = [], pongs = [], waiting = { messages: [], pongs: [], ended: [], socket: [] };

const give = (queue, list, value) => (waiting[queue].length ? waiting[queue].shift()(value) : list.push(value));
const take = (queue, list) => (list.length ? list.shift() : new Promise((done) => waiting[queue].push(done)));

function watch(made) {
  socket = made;
  socket.on("message", (data, binary) => give("messages", messages, { hex: data.toString("hex"), binary }));
  socket.on("pong", (data) => give("pongs", pongs, { hex: data.toString("hex") }));
  socket.on("error", () => {}); // its close event says the code
  socket.on("close", (code, reason) => {
    ended = { code, reason: reason.toString() };
    waiting.ended.splice(0).forEach((done) => done(ended));
    waiting.messages.splice(0).forEach((done) => done({ ended }));
  });
}

const about = () => ({ protocol: socket.protocol, extensions: socket.extensions, offered });
const bytes = (hex) => Buffer.from(hex, "hex");

const actions = {
  connect: ({ url, protocols }) =>
    new Promise((done) => {
      watch(new WebSocket(url, protocols, { perMessageDeflate: true, maxPayload: 1 << 24 }));
      socket.on("open", () => done(about()));
      socket.on("unexpected-response", (_request, response) => done({ status: response.statusCode }));
    }),
  listen: ({ protocol, port }) =>
    new Promise((done) => {
      const handleProtocols = (names) => (protocol && names.has(protocol) ? protocol : false);
      server = new WebSocketServer({ host: "127.0.0.1", port, perMessageDeflate: true, handleProtocols });
      server.on("connection", (made, request) => {
        offered = request.headers["sec-websocket-extensions"] ?? "";
        watch(made);
        waiting.socket.splice(0).forEach((ready) => ready(about()));
      });
      server.on("listening", () => done({ port: server.address().port }));
    }),
  accepted: () => (socket ? about() : new Promise((done) => waiting.socket.push(done))),
  send: ({ pieces, binary }) => {
    pieces.forEach((hex, at) => {
      const part = binary ? bytes(hex) : bytes(hex).toString();
      socket.send(part, { binary, fin: at === pieces.length - 1, compress: false });
    });
    return {};
  },
  ping: ({ hex }) => (socket.ping(bytes(hex)), take("pongs", pongs)),
  receive: () => (messages.length || !ended ? take("messages", messages) : { ended }),
  close: ({ code, reason }) => (socket.close(code, reason), {}),
  ended: () => ended ?? new Promise((done) => waiting.ended.push(done)),
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  console.log(JSON.stringify(await actions[asked.do](asked)));
}
socket?.terminate();
server?.close();
