/** Starts the learner's page. */
import { Capture } from "../audio/capture.js";
import { Session } from "../client/session.js";
import { App } from "./app.js";

new App({ Session, Capture });
