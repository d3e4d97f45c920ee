/**
 * The server's half of the documented flow, as a site would paste it.
 *
 * Changed: the import's name ("@ruptjs/api"), the base URL (`domain`), and the placeholders: "API_SECRET" is `secret`,
 * "YOUR_EXPECTED_ACTION" is `expectedAction`, YOUR_EXPECTED_METADATA is `expectedMetadata`, which is compared deeply, as is meant. What
 * the sample leaves to the site (`reject`, `redirect`, `honorTheAction`) is given by the caller.
 */
import { isDeepStrictEqual } from "node:util";
import { CountersignAPI as RuptAPI } from "@countersign/api";

/** The site's handler of `POST /verify-challenge`. */
export function verifyChallenge(secret, domain, { reject, redirect, honorTheAction }) {
  const rupt = new RuptAPI(secret, { domain });

  return async (evaluation_id, { expectedEmail, expectedAction, expectedMetadata }) => {
    let evaluation;
    try {
      // Consume reads and claims the evaluation in one step: a replay of the success URL gets 409.
      evaluation = await rupt.consumeEvaluation(evaluation_id);
    } catch (err) {
      if (err.status === 409) {
        return reject("This challenge was already used. Start the action again.");
      }
      return reject("Could not verify the challenge");
    }
    if (evaluation.challenge?.status !== "completed") {
      return redirect(evaluation.redirect);
    }
    if (
      evaluation.user?.email !== expectedEmail ||
      evaluation.action !== expectedAction ||
      !isDeepStrictEqual(evaluation.user?.metadata, expectedMetadata)
    ) {
      return reject("Integrity mismatch");
    }
    honorTheAction();
  };
}
