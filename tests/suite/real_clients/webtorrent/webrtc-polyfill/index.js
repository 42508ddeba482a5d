// Stands for the package of this name, whose WebRTC is downloaded from outside of npm when it is installed.
import wrtc from '@roamhq/wrtc'

export const { RTCIceCandidate, RTCPeerConnection, RTCSessionDescription } = wrtc
