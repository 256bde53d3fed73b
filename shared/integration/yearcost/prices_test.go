package yearcost_test

// Prices in dollars: us-east-1, on demand, as the pricing pages of S3, Athena, KMS, SQS
// and EventBridge had them in 2026. Without free tiers and volume discounts.
const (
	perGBMonth           = 0.023        // S3 Standard
	perGBMonthInfrequent = 0.0125       // S3 Standard-IA
	perPut               = 0.005 / 1000 // and per list
	perGet               = 0.0004 / 1000
	perTransition        = 0.01 / 1000 // to Standard-IA
	perTebibyteScanned   = 5.00
	perKeyMonth          = 1.00
	perMAC               = 0.03 / 10_000
	perSignature         = 0.15 / 10_000 // and per public key, of an ECC key
	perQueueRequest      = 0.40e-6
	perBusEvent          = 1.00e-6
)

const (
	gibibyte = float64(1 << 30) // what S3 bills as a GB
	tebibyte = float64(1 << 40)
	// infrequentAfter is after how many days objects move, as infra/reports.go and
	// infra/seal.go have it.
	infrequentAfter = 90
	keys            = 3 // for signatures, names, and the topic of alerts
	yearDays        = 365
	monthDays       = yearDays / 12.0
)
