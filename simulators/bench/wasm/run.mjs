// node run.mjs <package folder> <fd in> <fd out> <heap bytes> <job module> <folder>…
// Runs MicroPython with the folders (compiled modules) on its path: the job's `step()`, then `settled()`, until a
// step says false. This interpreter collects garbage only between two calls from here (it cannot see what a call
// has on WebAssembly's stack): within a step the heap grows, in `settled` it holds what is alive.
// What it lacks, files and pipes, comes from the module `host`: bytes are passed by address and length.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, fdIn, fdOut, heap, job, ...folders] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(path.join(folder, "micropython.mjs")));

const bytes = () => new Uint8Array(memory.buffer);
const host = {
  open: (name) => fs.openSync(name, "r+"),
  close: (fd) => fs.closeSync(fd),
  read: (fd, address, length) => fs.readSync(fd, bytes(), address, length, null),
  readAt: (fd, address, length, at) => fs.readSync(fd, bytes(), address, length, at),
  write: (fd, address, length) => fs.writeSync(fd, bytes(), address, length, null),
  writeAt: (fd, address, length, at) => fs.writeSync(fd, bytes(), address, length, at),
};

// The package does not export its memory: it is caught as the module is made.
let memory;
for (const name of ["instantiate", "instantiateStreaming"]) {
  const make = WebAssembly[name];
  WebAssembly[name] = async (...given) => {
    const made = await make(...given);
    memory = Object.values((made.instance ?? made).exports).find((value) => value instanceof WebAssembly.Memory);
    return made;
  };
}

const mp = await loadMicroPython({ heapsize: Number(heap), linebuffer: true, stdout: (line) => fs.writeSync(1, line + "\n") });
folders.forEach((source, number) => {
  for (const name of fs.readdirSync(source, { recursive: true })) {
    const target = `/${number}/${name}`;
    if (fs.statSync(path.join(source, name)).isDirectory()) mp.FS.mkdirTree(target);
    else {
      mp.FS.mkdirTree(path.posix.dirname(target));
      mp.FS.writeFile(target, fs.readFileSync(path.join(source, name)));
    }
  }
});
mp.registerJsModule("host", host);
const paths = folders.map((_, number) => `"/${number}"`).join(", ");
try {
  mp.runPython(`import sys, gc
sys.path[:] = [${paths}, ".frozen"]
sys.argv[:] = ["", "${fdIn}", "${fdOut}"]
import ${job} as job`);
  do {
    mp.runPython("more = job.step()");
    for (let n = 0; n < 2; n++) mp.runPython("gc.collect()"); // happens on the way out
    mp.runPython("job.settled()");
  } while (mp.globals.get("more"));
} catch (error) {
  fs.writeSync(2, `${error.message ?? error}\n`);
  process.exit(1);
}
