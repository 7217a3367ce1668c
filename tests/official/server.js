// A speech API made of the official definitions: takes sotto's calls on every wire, says as JSON lines what it read,
// and answers what a script says.
//
//   server.js SCRIPT.json AUDIO_DIR      prints {"port": N}; ends with its standard input
//
// A script is {"wires": ["v1", …], "calls": [[STEP, …], …]}; calls after the last use the last. A step waits `at`:
// "config", bytes of audio, or "end" (half-close); then it sends `send`, a response, or ends the call with `status`
// {"code": NUMBER, "details": TEXT}. Without a status the call ends with OK after the last step.
'use strict';

const fs = require('fs');
const path = require('path');
const grpc = require('@grpc/grpc-js');
const wires = require('./wires');

const [scriptFile, audioDir] = process.argv.slice(2);
const script = JSON.parse(fs.readFileSync(scriptFile, 'utf8'));
let calls = 0;

const tell = object => fs.writeSync(1, JSON.stringify(object) + '\n');

// One call's life: what has come of it, and how far its script is.
class Call {
  constructor(wire, stream) {
    this.number = ++calls;
    this.wire = wire;
    this.stream = stream;
    this.steps = [...script.calls[Math.min(this.number, script.calls.length) - 1]];
    this.config = null;
    this.audio = [];
    this.bytes = 0;
    this.unread = 0;
    this.ended = false;
    this.closed = false;
    const metadata = stream.metadata.getMap();
    tell({call: this.number, event: 'open', wire: wire.name, path: stream.getPath(), metadata});
    stream.on('data', request => this.onRequest(request));
    stream.on('end', () => this.onEnd());
    stream.on('cancelled', () => this.finish('cancelled'));
    stream.on('error', error => tell({call: this.number, event: 'error', message: error.message}));
  }

  onRequest({message, unread}) {
    this.unread += unread;
    const audio = message[this.wire.audio];
    if (this.config === null) {
      this.config = message;
      tell({call: this.number, event: 'config', message, audio: audio !== undefined});
    } else if (audio === undefined || Object.keys(message).length > 2) {
      // `oneofs` adds one key, the name of the member that is set.
      tell({call: this.number, event: 'wrong', message});
    } else {
      this.audio.push(audio);
      this.bytes += audio.length;
    }
    this.advance();
  }

  onEnd() {
    this.ended = true;
    this.finish('end');
    this.advance();
  }

  // Audio goes to a file, so that the test can compare every byte of it.
  finish(event) {
    if (this.closed) return;
    this.closed = true;
    fs.writeFileSync(path.join(audioDir, `${this.number}.pcm`), Buffer.concat(this.audio));
    const sizes = this.audio.map(audio => audio.length);
    tell({call: this.number, event, bytes: this.bytes, messages: sizes.length, longest: Math.max(0, ...sizes),
      unread: this.unread});
  }

  due(at) {
    if (at === 'config') return this.config !== null;
    return at === 'end' ? this.ended : this.bytes >= at;
  }

  advance() {
    while (this.steps.length > 0 && this.due(this.steps[0].at)) {
      const step = this.steps.shift();
      if (step.send) this.stream.write(step.send);
      if (step.status) {
        this.finish('status');
        this.steps = [];
        this.stream.emit('error', Object.assign(new Error(step.status.details), step.status));
        return;
      }
    }
    if (this.ended && this.steps.length === 0) this.stream.end();
  }
}

const server = new grpc.Server();
for (const name of script.wires) {
  const wire = wires.load(name);
  server.addService({StreamingRecognize: wire.method}, {StreamingRecognize: stream => new Call(wire, stream)});
}
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  tell({port});
});
process.stdin.on('end', () => process.exit(0)).resume();
