// Traffic policies, as the API writes them. Pure functions; what a policy may hold is the server's to say.

export function canariesOf(policy) {
  return policy.canaries ?? (policy.canary ? [policy.canary] : []);
}

// The policy in which this canary has this weight; all else stays as it is.
export function withCanary(policy, version, weight) {
  const canaries = canariesOf(policy).map((each) => ({ ...each }));
  const known = canaries.find((each) => each.version === version);
  if (known) {
    known.weight = weight;
  } else {
    canaries.push({ version, weight });
  }
  const { canary, canaries: several, ...rest } = policy;
  return canaries.length === 1 ? { ...rest, canary: canaries[0] } : { ...rest, canaries };
}

export function inWords(policy) {
  const parts = canariesOf(policy).map((each) => `${each.version} gets ${each.weight} %`);
  return [`${policy.stable} is stable`, ...parts].join(", ");
}
