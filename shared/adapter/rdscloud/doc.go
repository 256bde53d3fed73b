// Package rdscloud looks at the databases of RDS, in the accounts and Regions that its
// clients are for. It is the only package that imports the RDS client.
//
// It answers what RDS says and judges nothing. What RDS does not tell stays zero; a name
// that RDS does not know is left out and fails nobody else. Nothing here can change a
// database.
package rdscloud
