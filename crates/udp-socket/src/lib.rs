//! Batched datagrams: recvmmsg and sendmmsg over owned buffers, packet info, reuseport steering.
