// Stops the clock of every file of the `workers` suite. On a clock that runs, the alarm of a cell goes off by itself
// between two lines of a test, and the slower the machine is, the more often.
import { stopClock } from "./clock.ts";

stopClock();
