// program SITE APP_ID, and one line for each login: USER_ID AUTHORIZATION
// Prints a line for each: the user who was authenticated, or the status and the code.

#import "LayerLogin.m"

@implementation ShimTask
- (void)resume
{
    NSURLResponse *response = nil;
    NSError *error = nil;
    NSData *data = [NSURLConnection sendSynchronousRequest:request
                                         returningResponse:&response
                                                     error:&error];
    handler(data, response, error);
}
@end

@implementation ShimSession
+ (instancetype)sharedSession
{
    return [[[self alloc] init] autorelease];
}
- (ShimTask *)dataTaskWithRequest:(NSURLRequest *)request
                completionHandler:(void (^)(NSData *, NSURLResponse *, NSError *))handler
{
    ShimTask *task = [[[ShimTask alloc] init] autorelease];
    task->request = [request retain];
    task->handler = Block_copy(handler);
    return task;
}
@end

@implementation LYRClient
@synthesize appID, server, session, authenticatedUserID;
- (NSDictionary *)send:(NSString *)method path:(NSString *)path body:(NSDictionary *)body
{
    NSURL *url = [NSURL URLWithString:[[self.server absoluteString] stringByAppendingString:path]];
    NSMutableURLRequest *request = [NSMutableURLRequest requestWithURL:url];
    [request setHTTPMethod:method];
    [request setValue:@"application/json" forHTTPHeaderField:@"Content-Type"];
    [request setValue:@"application/vnd.layer+json; version=3.0" forHTTPHeaderField:@"Accept"];
    if (body) {
        [request setHTTPBody:[NSJSONSerialization dataWithJSONObject:body options:0 error:NULL]];
    }
    NSURLResponse *response = nil;
    NSData *data = [NSURLConnection sendSynchronousRequest:request
                                         returningResponse:&response
                                                     error:NULL];
    if (![data length]) return nil;
    return [NSJSONSerialization JSONObjectWithData:data options:0 error:NULL];
}
- (void)requestAuthenticationNonceWithCompletion:(void (^)(NSString *, NSError *))completion
{
    if (self.session) {  // as LayerKit does
        completion(nil, [NSError errorWithDomain:@"LYR" code:7005 userInfo:nil]);
        return;
    }
    completion([[self send:@"POST" path:@"/nonces" body:nil] objectForKey:@"nonce"], nil);
}
- (void)authenticateWithIdentityToken:(NSString *)token
                           completion:(void (^)(NSString *, NSError *))completion
{
    NSDictionary *body = [NSDictionary dictionaryWithObjectsAndKeys:
        token, @"identity_token", [self.appID absoluteString], @"app_id", nil];
    NSDictionary *answer = [self send:@"POST" path:@"/sessions" body:body];
    self.session = [answer objectForKey:@"session_token"];
    if (!self.session) {
        completion(nil, [NSError errorWithDomain:@"LYR" code:7006 userInfo:answer]);
        return;
    }
    NSString *part = [[token componentsSeparatedByString:@"."] objectAtIndex:1];
    part = [[part stringByReplacingOccurrencesOfString:@"-" withString:@"+"]
        stringByReplacingOccurrencesOfString:@"_" withString:@"/"];
    while ([part length] % 4) part = [part stringByAppendingString:@"="];
    NSData *claims = [[[NSData alloc] initWithBase64EncodedString:part options:0] autorelease];
    self.authenticatedUserID = [[NSJSONSerialization JSONObjectWithData:claims
                                                               options:0
                                                                 error:NULL] objectForKey:@"prn"];
    completion(self.authenticatedUserID, nil);
}
- (void)deauthenticateWithCompletion:(void (^)(BOOL, NSError *))completion
{
    [self send:@"DELETE" path:[@"/sessions/" stringByAppendingString:self.session] body:nil];
    self.session = self.authenticatedUserID = nil;
    completion(YES, nil);
}
@end

int main(int argc, char **argv)
{
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    NSString *site = [NSString stringWithUTF8String:argv[1]];
    LYRClient *client = [[[LYRClient alloc] init] autorelease];
    client.appID = [NSURL URLWithString:[NSString stringWithUTF8String:argv[2]]];
    client.server = [NSURL URLWithString:[site stringByAppendingString:@"/sandbox"]];
    LayerLogin *login = [[[LayerLogin alloc] init] autorelease];
    login.client = client;
    login.url = [NSURL URLWithString:[site stringByAppendingString:@"/layer/authenticate"]];

    char user[200], authorization[2000];
    while (scanf("%199s %1999[^\n]", user, authorization) == 2) {
        if (client.session) {
            [login logOutWithCompletion:^(BOOL success, NSError *error) {
                printf("deauthenticated\n");
            }];
        }
        login.userID = [NSString stringWithUTF8String:user];
        login.authorization = [NSString stringWithUTF8String:authorization];
        [login logInWithCompletion:^(NSString *userID, NSError *error) {
            if (userID) {
                printf("%s\n", [userID UTF8String]);
            } else {
                id code = [[error userInfo] objectForKey:@"code"];
                printf("%ld %s\n", (long)[error code], [[code description] UTF8String]);
            }
        }];
        fflush(stdout);
    }
    [pool release];
    return 0;
}
