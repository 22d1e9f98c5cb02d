import { ConvexError } from "convex/values";

/** What a toy can do something about; docs/cloud.md says what. */
export type Code =
  | "AUTH_FAILED"
  | "UNAUTHENTICATED"
  | "DEVICE_NOT_FOUND"
  | "FORBIDDEN"
  | "TOY_NOT_FOUND"
  | "CONSENT_REQUIRED"
  | "INVALID"
  | "RATE_LIMITED";

/** What a toy finds as `errorData`. `retryAfter`: seconds, with RATE_LIMITED. */
export type Fault = { code: Code; message: string; retryAfter?: number };

/** The error that reaches the caller as it is, while Convex hides the words of any other. */
export function fault(code: Code, message: string, retryAfter?: number): ConvexError<Fault> {
  return new ConvexError(retryAfter === undefined ? { code, message } : { code, message, retryAfter });
}
