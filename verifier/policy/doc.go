// Package policy decides what a sign-in asks of its user, and holds the
// organisation's policy for the Microsoft Authenticator method.
//
// It is pure: no clock, no store, no network. Every front end (web pages, REST,
// RADIUS, AD FS) describes the sign-in as an [Input] and does what the
// [Decision] says, so that a rule stands in one place, and the what-if tool
// answers exactly as a sign-in would.
//
// The rules are numbered 1 to 13 and the numbers stand beside the code:
//
//  1. every push is number matching; nobody can opt out
//  2. scenarios: MFA, SSPR, combined registration, AD FS, NPS
//  3. a user whose default is TOTP is asked for a code
//  4. the legacy tenant-wide "notification through mobile app" allows push too
//  5. an app too old for number matching cannot authenticate
//  6. no wearable approves
//  7. MFA Server has no number matching
//  8. the AD FS adapter matches numbers from certain builds on
//  9. the NPS extension cannot show a number, and asks for TOTP instead
//  10. the same-device (iOS broker) flow is number matching
//  11. phone sign-in has number matching built in; authenticationMode
//  12. the preview of 2021 stays reachable, for testing
//  13. the portal edits the same document as the policy API
//
// [Document] is that document: the methods policy as the policy API patches
// and shows it, and [Document.Resolve] makes of it the policy part of an Input.
//
// The zero value of every type here is the cautious one: no method, no device,
// no Approve/Deny. [ParseInput] is where the friendlier defaults of the what-if
// tool live.
package policy
