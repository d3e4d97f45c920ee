/** The objects of the HTTP API, as a site's server sees them. Types only. */

/** What a policy decided. A snapshot: it never turns from `challenge` into `allow`. */
export type Verdict = "allow" | "deny" | "challenge" | "restrict" | "challenge_and_restrict" | "suspend";

/** How far a challenge is. Only `completed` is a pass. */
export type ChallengeStatus =
  | "created"
  | "presented"
  | "code_sent"
  | "verified"
  | "completed"
  | "failed"
  | "expired"
  | "skipped"
  | "overridden";

/** What a challenge is for. */
export type ChallengeType =
  | "account_takeover"
  | "fake_account"
  | "account_sharing"
  | "multi_accounting"
  | "repeat_trial"
  | (string & {});

/** How grave a risk is. */
export type Severity = "low" | "medium" | "high" | "maximum";

/** Free data of the site. */
export type Metadata = Record<string, unknown>;

/** When a thing came to be and last changed: RFC 3339, in both spellings. */
export interface Timestamps {
  created_at: string;
  updated_at: string;
  createdAt: string;
  updatedAt: string;
}

/** A user. */
export interface User {
  /** The site's own id. Absent when the evaluation had none. */
  id?: string | null;
  /** Our id. */
  countersign_id: string;
  /** Our id, under the name of the public reference. */
  rupt_id: string;
  email?: string | null;
  phone?: string | null;
  metadata?: Metadata | null;
}

/** Where the client's address is. */
export interface Geolocation {
  ip?: string | null;
  city?: string | null;
  region?: string | null;
  country?: string | null;
  /** ISO 3166-1, two letters. */
  country_code?: string | null;
  latitude?: number | null;
  longitude?: number | null;
  asn?: number | null;
  security?: { vpn?: boolean | null; proxy?: boolean | null; tor?: boolean | null; hosting?: boolean | null } | null;
}

/** A weighted reading of the checks. It never decides by itself. */
export interface Risk {
  id: string;
  definition: string;
  name: string;
  severity: Severity;
  score: number;
  /** Which checks contributed. */
  indicators: unknown[];
}

/** One verdict on one action of one user, with all that led to it. */
export interface Evaluation extends Timestamps {
  id: string;
  /** `login`, `signup`, `access` or the site's own. */
  action: string;
  verdict: Verdict;
  /** What contributed. */
  reasons: string[];
  /** The challenge page, whenever there is a challenge, in every state. */
  redirect?: string | null;
  user?: User | null;
  challenge?: { id: string; status: ChallengeStatus; type: ChallengeType | null } | null;
  /** The policy whose verdict it is. */
  policy?: { id: string; name: string; action: { type: Verdict } } | null;
  /** What else policies did. */
  effects: unknown[];
  fingerprint?: { id: string; confidence: number } | null;
  /** Id of the device. */
  device?: string | null;
  geolocation?: Geolocation | null;
  /** What the client passed. */
  metadata?: Metadata | null;
  /** Facts by name. An unknown one is null or absent. */
  checks: Record<string, boolean | number | string | null>;
  /** Sources that were missing. */
  degraded: string[];
  risks: Risk[];
  /** Every policy that was asked, in order: only when it was asked for. */
  trace?: PolicyTrace[];
  /** Whether it was claimed. */
  consumed: boolean;
  consumed_at?: string | null;
}

/** What came of a condition; `unknown` when something that it turns on is not known. */
export type Truth = "holds" | "fails" | "unknown";

/** What a condition saw, in the shape in which it was written. */
export type ConditionTrace = { truth: Truth } & (
  | { all: ConditionTrace[] }
  | { any: ConditionTrace[] }
  | { not: ConditionTrace }
  | { field: string; op: string; value: unknown; saw: unknown }
);

/** What a policy that was asked saw. */
export interface PolicyTrace {
  id: string;
  name: string;
  /** Whether it only watches. */
  shadow: boolean;
  /** Whether it only watched this time, because it had given its verdict as often as its budget allows. */
  over_budget?: boolean;
  when: ConditionTrace;
}

/** The interactive proof that a policy asked for. */
export interface Challenge extends Timestamps {
  id: string;
  status: ChallengeStatus;
  type: ChallengeType | null;
  challenge_mode?: string | null;
  delivery_status?: "pending" | "sent" | "delivered" | "failed" | "bounced" | null;
  /** Channels that a code went through, in that order: `email`, `text`. */
  channels?: string[] | null;
  reasons?: string[] | null;
  /** What the user may do. */
  actions?: string[] | null;
  user?: User | null;
  /** Id of the evaluation. */
  evaluation?: string | null;
  /** Page that it began on. */
  origin_url?: string | null;
  email_verified?: boolean | null;
  phone_verified?: boolean | null;
  /** Codes entered so far. */
  verify_attempts?: number | null;
}

/** A phone, tablet or computer of a user. */
export interface Device extends Timestamps {
  id: string;
  /** Id of the user. */
  user: string;
  status: "attached" | "detached";
  metadata?: Metadata | null;
  info?: {
    browser?: Record<string, unknown> | null;
    engine?: Record<string, unknown> | null;
    os?: Record<string, unknown> | null;
    cpu?: Record<string, unknown> | null;
    device?: { vendor?: string | null; model?: string | null; type?: string | null } | null;
  } | null;
  attached_at?: string | null;
  /** Whether it is connected right now. */
  actively_connected: boolean;
}

/** A group that users are in. */
export interface Group {
  id: string | number;
  name?: string;
  metadata?: Metadata;
}

/** What an evaluation must say for a consume to claim it. Metadata is compared deeply. */
export interface Expectation {
  action?: string;
  user?: { id?: string; email?: string; phone?: string };
  metadata?: Metadata;
  challenge_status?: ChallengeStatus;
}

/** How a consume is done. */
export interface ConsumeOptions {
  /** The integrity check, in the same atomic step: what differs is a 422 `integrity_mismatch`, and nothing is claimed. */
  expect?: Expectation;
  /** A caller that repeats with the same key gets the first answer, not a 409. Default: a new one for each call. */
  idempotencyKey?: string;
}

/** A change of a user. What is left out stays. */
export interface UserUpdate {
  /** The site's own id of the user, or ours. */
  user: string;
  email?: string | null;
  phone?: string | null;
  metadata?: Metadata;
  groups?: Group | string | (Group | string)[];
  email_verified?: boolean;
  phone_verified?: boolean;
  /** `false` lifts a suspension. */
  suspended?: boolean;
}

/** What an evaluation turned out to be. */
export interface Feedback {
  label: "legitimate" | "fraud" | (string & {});
  note?: string;
}

/** Who came from a shared account and signed up for one of their own. */
export interface Conversions {
  /** The first day, UTC: `2026-11-01`. */
  from: string;
  /** The last day. */
  to: string;
  /** Browsers that were shown the page of a shared account. */
  shown: number;
  /** Users who signed up in one of them within 30 days. */
  converted: number;
  /** Days on which something happened. */
  by_day: { day: string; shown: number; converted: number }[];
}
