// A stand-in for LayerKit, which is closed source: the methods that logging in needs, and the
// two NSURLSession calls that Debian's GNUstep lacks. All of them answer at once.

#import <Foundation/Foundation.h>

@interface LYRClient : NSObject
{
    NSURL *appID, *server;
    NSString *session, *authenticatedUserID;
}
@property(nonatomic, retain) NSURL *appID;
@property(nonatomic, retain) NSURL *server;  // the sandbox
@property(nonatomic, copy) NSString *session;
@property(nonatomic, copy) NSString *authenticatedUserID;
- (void)requestAuthenticationNonceWithCompletion:(void (^)(NSString *nonce, NSError *error))completion;
- (void)authenticateWithIdentityToken:(NSString *)token
                           completion:(void (^)(NSString *userID, NSError *error))completion;
- (void)deauthenticateWithCompletion:(void (^)(BOOL success, NSError *error))completion;
@end

@interface ShimTask : NSObject
{
    @public
    NSURLRequest *request;
    void (^handler)(NSData *, NSURLResponse *, NSError *);  // no object in this runtime
}
- (void)resume;
@end

@interface ShimSession : NSObject
+ (instancetype)sharedSession;
- (ShimTask *)dataTaskWithRequest:(NSURLRequest *)request
                completionHandler:(void (^)(NSData *, NSURLResponse *, NSError *))handler;
@end

#define NSURLSession ShimSession
