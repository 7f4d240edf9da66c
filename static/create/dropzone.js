// Starts the zone that an element is: for one file or for several.
import { watchFile } from "./file.js";
import { watchFiles } from "./files.js";

export const watch = (box) => ("several" in box.dataset ? watchFiles(box) : watchFile(box));
