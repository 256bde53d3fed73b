// Package ec2cloud looks at EC2 and acts on it, for accounts and Regions: each
// the one whose credentials and Region its client has. It is the only package that
// imports the EC2 client.
//
// It answers what EC2 says and judges nothing. What EC2 does not tell stays
// zero; an id that EC2 does not know is left out and fails nobody else. Nothing
// here can start or terminate an instance.
package ec2cloud
