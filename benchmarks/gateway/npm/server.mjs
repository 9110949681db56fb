// A fan-out of npm's socket.io: whatever one client publishes goes to every client that subscribed.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { perMessageDeflate: false });
io.on("connection", (socket) => {
  socket.on("sub", () => socket.join("bench"));
  socket.on("pub", (data) => io.to("bench").emit("msg", data));
});
http.listen(Number(process.argv[2]), "127.0.0.1");
