/**
 * Between the audio thread and the page: each frame is measured and passed on, transferred.
 */
import { Activity } from "./activity.js";
import { RATE } from "./framer.js";

self.onmessage = ({ data: { port } }) => {
    const activity = new Activity(RATE);
    port.onmessage = ({ data: frame }) => {
        self.postMessage({ level: activity.push(frame), frame }, [frame.buffer]);
    };
};
