package cfnhook

// Request is what CloudFormation sends to a Lambda hook (CloudFormation Hooks User
// Guide, "Create Lambda functions to evaluate resources for Lambda Hooks", 2026).
type Request struct {
	ClientRequestToken    string      `json:"clientRequestToken"`
	AWSAccountID          string      `json:"awsAccountId"`
	StackID               string      `json:"stackId"`
	HookTypeName          string      `json:"hookTypeName"`
	ActionInvocationPoint string      `json:"actionInvocationPoint"`
	RequestData           RequestData `json:"requestData"`
}

// RequestData is what the hook is asked about.
type RequestData struct {
	TargetName      string      `json:"targetName"`
	TargetType      string      `json:"targetType"`
	TargetLogicalID string      `json:"targetLogicalId"`
	TargetModel     TargetModel `json:"targetModel"` // of one resource
	Payload         string      `json:"payload"`     // presigned URL, of a stack or a change set
}

// TargetModel is one resource, with its intrinsic functions resolved.
type TargetModel struct {
	ResourceProperties         map[string]any `json:"resourceProperties"`
	PreviousResourceProperties map[string]any `json:"previousResourceProperties"`
}

// payload is what the presigned URL of a stack or a change set holds.
type payload struct {
	Template         string            `json:"template"`
	PreviousTemplate string            `json:"previousTemplate"`
	ChangedResources []changedResource `json:"changedResources"`
}

type changedResource struct {
	LogicalResourceID string `json:"logicalResourceId"`
	ResourceType      string `json:"resourceType"`
	Action            string `json:"action"`
	AfterContext      string `json:"afterContext"` // JSON, in which numbers are strings
}

// The targets and the action of a request.
const (
	targetStack     = "STACK"
	targetChangeSet = "CHANGE_SET"
	beforeDelete    = "DELETE_PRE_PROVISION"
)

// The types of resources that launch instances.
const (
	typeInstance = "AWS::EC2::Instance"
	typeGroup    = "AWS::AutoScaling::AutoScalingGroup"
	typeTemplate = "AWS::EC2::LaunchTemplate"
)

// Response is what a Lambda hook answers.
type Response struct {
	HookStatus         string `json:"hookStatus"`
	ErrorCode          string `json:"errorCode,omitempty"`
	Message            string `json:"message"`
	ClientRequestToken string `json:"clientRequestToken"`
}

// The answers.
const (
	Success      = "SUCCESS"
	Failed       = "FAILED"
	NonCompliant = "NonCompliant"
)

// maxMessage is the most characters that CloudFormation shows of a message about a
// resource of the Cloud Control API; of a stack's it shows four times as many.
const maxMessage = 1024
