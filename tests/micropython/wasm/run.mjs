// Runs a program of a board's folder on the 32-bit build of MicroPython: node run.mjs MODULE FOLDER HEAP PROGRAM [ARGUMENT ...]
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [module, folder, heap, program, ...words] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(module).href);
const board = await loadMicroPython({ heapsize: Number(heap), stdout: (line) => console.log(line), linebuffer: true });

function copy(from, to) {
    for (const name of readdirSync(from)) {
        const source = join(from, name);
        const target = `${to}/${name}`;
        if (statSync(source).isDirectory()) {
            board.FS.mkdir(target);
            copy(source, target);
        } else {
            board.FS.writeFile(target, readFileSync(source));
        }
    }
}

board.FS.mkdir("/board");
copy(folder, "/board");
const argv = JSON.stringify([program, ...words]);
try {
    board.runPython(`import sys\nsys.path.insert(0, "/board")\nsys.argv[:] = ${argv}\n`);
    board.runPython(readFileSync(join(folder, program), "utf8"));
} catch (error) {
    console.log(String(error.message ?? error));
    process.exit(1);
}
process.exit(0);
