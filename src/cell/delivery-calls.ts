// What is asked of a cell about messages: by who sends them, and by who looks after templates, consent and endpoints.
import { CellBase } from "./cell-base.ts";

export abstract class DeliveryCalls extends CellBase {}
